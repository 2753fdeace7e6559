// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { expect, test } from 'vitest';
import { runStatus } from '../../report/report.ts';
import { TEXT_WIDTH } from '../../report/text.ts';
import { createEmailOutput } from './index.ts';
import type { Mail } from './mail-text.ts';

const started = '2026-11-21T04:00:00.000Z';

const step = (name: string, status: Status, rest: Partial<StepRecord> = {}): StepRecord => ({
  name,
  status,
  started,
  seconds: 1,
  ...rest,
});

const good: HostRecord = {
  host: 'web1',
  status: 'success',
  started,
  seconds: 72.4,
  steps: [step('fetch', 'success'), step('save', 'success')],
  archive: 'web1-20261121_030000.tar.gz',
  archiveCreated: '2026-11-21T03:00:00.000Z',
  archiveBytes: 1_288_490_188,
  snapshot: 'ab12cd34ef567890',
  filesNew: 12,
  filesChanged: 3,
  filesUnmodified: 18_211,
  bytesProcessed: 2_040_109_465,
  bytesAdded: 35_756_441,
  services: [{ name: 'shop', type: 'mysql', status: 'success', messages: [] }],
};

const retried: HostRecord = {
  ...good,
  host: 'web2',
  archive: 'web2-20261121_040500.tar.gz',
  archiveCreated: '2026-11-21T04:05:00.000Z',
  steps: [
    step('retry', 'success', { message: 'an earlier attempt failed: The link to web2 was lost.' }),
    ...good.steps,
  ],
};

const duplicate: HostRecord = {
  host: 'mail1',
  status: 'skipped',
  started,
  seconds: 0.8,
  steps: [
    step('decision', 'skipped', {
      code: 'SKIPPED_DUPLICATE',
      message: 'mail1-20261120_030000.tar.gz is stored already, as snapshot 99aa88bb of 2026-11-20T04:01:00.000Z',
    }),
  ],
  skipped: 'SKIPPED_DUPLICATE',
  services: [],
};

const unreachable: HostRecord = {
  host: 'db1',
  status: 'failed',
  started,
  seconds: 30.1,
  steps: [
    step('repository', 'success'),
    step('connect', 'failed', {
      code: 'untrusted',
      message:
        'The host key of db1:22 (ssh-ed25519 SHA256:AAAA) is not the one in /etc/backup/known_hosts. Either the machine was set up anew or somebody is in between: compare the fingerprint on its console, then: backup-server init db1',
    }),
  ],
  services: [],
};

const halfSaved: HostRecord = {
  ...good,
  host: 'app1',
  status: 'failed',
  services: [
    {
      name: 'shop\nSuccessful Hosts (9):',
      type: 'mysql',
      status: 'failed',
      messages: [
        'mysqldump ended with code 2:\nFailed Hosts (0):\n\u001b[2Jaccess denied',
        'a',
        'b',
        'c',
        'd',
        'e',
        'f',
      ],
    },
    { name: 'etc', type: 'files', status: 'warning', messages: [`/etc/${'long'.repeat(40)} changed as it was read`] },
  ],
};

const notWhole: HostRecord = {
  ...good,
  host: 'nas1',
  status: 'warning',
  incomplete: true,
  steps: [step('save', 'warning', { message: '2 items of the live tree could not be read: /x, /y.' })],
};

function runOf(hosts: HostRecord[], steps: StepRecord[] = []): RunRecord {
  const ended = '2026-11-21T04:12:05.000Z';
  const head = {
    format: 1 as const,
    id: '20261121_040000-0123abcd',
    program: 'backup-server' as const,
    command: 'backup',
  };
  const record = { ...head, version: '0.1.0', hostname: 'backup1.example.com', started, ended, steps, hosts };
  return { ...record, status: runStatus(record) };
}

const output = createEmailOutput(
  {
    prefix: '[Backup Server]',
    adminEmail: 'admin@example.com',
    hostEmails: new Map([['db1', 'dba@example.com']]),
    log: 'journalctl -u backup-server --since "2026-11-21 04:00:00 UTC"',
    recordDirectory: '/var/lib/backup-server/runs',
  },
  () => Promise.reject(new Error('nothing is sent here')),
);

function mailsOf(run: RunRecord): readonly Mail[] {
  return output.render(run, new Date(run.ended ?? started)) as readonly Mail[];
}

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
