// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import {
  duplicate,
  good,
  halfSaved,
  mailsOf,
  notWhole,
  retried,
  runOf,
  step,
  unreachable,
} from '../../../../../test/helpers/run-records.ts';
import { TEXT_WIDTH } from '../../report/text.ts';
import type { Mail } from './mail-text.ts';

const shown = ({ to, subject, text, important }: Mail) =>
  `To: ${to}\nSubject: ${subject}\n${important ? 'Important\n' : ''}\n${text}`;

test.each([
  ['successful', [good, retried]],
  ['skips', [good, duplicate]],
  ['errors', [good, retried, notWhole, duplicate, unreachable, halfSaved]],
])('all mails of a run: %s', async (name, hosts) => {
  const text = mailsOf(runOf(hosts))
    .map(shown)
    .join(`${'='.repeat(TEXT_WIDTH)}\n`);
  await expect(text).toMatchFileSnapshot(`render.${name}.expected`);
});

test.each([
  ['SUCCESSFUL', [good]],
  ['COMPLETED WITH SKIPS', [good, duplicate]],
  ['COMPLETED WITH WARNINGS', [good, duplicate, notWhole]],
  ['COMPLETED WITH ERRORS', [good, duplicate, notWhole, unreachable]],
  ['COMPLETED WITH ERRORS', []],
])('the subject of the summary says %s', (outcome, hosts) => {
  expect(mailsOf(runOf(hosts)).at(-1)?.subject).toBe(`[Backup Server] backup1.example.com - Backup Run ${outcome}`);
});

test('the subject of the summary names hosts that may have been attacked', () => {
  const odd = { ...good, suspicion: { evidence: ['all is gone'] } };
  const [mail] = mailsOf(runOf(['a1', 'a2', 'a3', 'a4'].map((host) => ({ ...odd, host }))));
  expect(mail?.subject).toMatch(/- Backup Run SUCCESSFUL, SUSPICIOUS: a1, a2, a3, \.\.\.$/);
  expect(mail?.important).toBe(true);
});

test('a failed host is reported to its own admin, else to the global one; the summary always to the global one', () => {
  expect(mailsOf(runOf([unreachable, halfSaved])).map((mail) => mail.to)).toEqual([
    'dba@example.com',
    'admin@example.com',
    'admin@example.com',
  ]);
});

test.each([
  ['SKIPPED_CLIENT_LOCK', 'Backup SKIPPED for host mail1 (Client TAR Lock)'],
  ['SKIPPED_DUPLICATE', 'Backup SKIPPED for host mail1 (Exact snapshot exists)'],
  ['SKIPPED_OLDER', 'Backup SKIPPED for host mail1 (Older TAR found)'],
])('%s has its subject', (skipped, subject) => {
  expect(mailsOf(runOf([{ ...duplicate, skipped }]))[0]?.subject).toBe(
    `[Backup Server] backup1.example.com - ${subject}`,
  );
});

test.each([
  ['failed', 1],
  ['untrusted', 1],
  ['config', 2],
  ['locked', 3],
  ['interrupted', 130],
  ['terminated', 143],
  ['internal', 1],
])('a step that failed with `%s` gives code %i', (code, number) => {
  const host = { ...unreachable, steps: [step('connect', 'failed', { code, message: 'x' })] };
  expect(mailsOf(runOf([host]))[0]?.subject).toMatch(`Backup FAILED for host db1 (Code: ${number})`);
});

test('hosts that were not begun get no mail of their own; the run says that it was ended', () => {
  const steps = [
    step('run', 'failed', { code: 'interrupted', message: 'The run was ended before all hosts were done.' }),
  ];
  const [summary, ...others] = mailsOf(runOf([good, { ...duplicate, skipped: 'INTERRUPTED' }], steps));
  expect(others).toEqual([]);
  expect(summary?.text).toContain('The run was ended before all hosts were done.');
  expect(summary?.text).toContain('mail1 (INTERRUPTED)');
});

test('no line is wider than a terminal, and nothing from a client starts a line, steers a terminal or forges a section', () => {
  const mails = mailsOf(runOf([good, halfSaved, unreachable, notWhole]));
  const lines = mails.flatMap((mail) => [mail.subject, ...mail.text.split('\n')]);
  expect(lines.filter((line) => line.length > TEXT_WIDTH)).toEqual([]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines.filter((line) => /[\x00-\x1f\x7f]/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('Failed Hosts'))).toEqual(['Failed Hosts (2):']);
  expect(lines.filter((line) => line.startsWith('Successful Hosts'))).toEqual(['Successful Hosts (1):']);
});
