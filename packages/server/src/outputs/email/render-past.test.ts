// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { describe, expect, test } from 'vitest';
import {
  duplicate,
  earlier,
  good,
  hostileHost,
  mailsOf,
  notWhole,
  PAST,
  retried,
  runOf,
  step,
  unreachable,
} from '../../../../../test/helpers/run-records.ts';
import { TEXT_WIDTH } from '../../report/text.ts';
import type { EmailFacts } from './mail-text.ts';

test('a summary with a past, as text and as HTML', async () => {
  const suspicious = { ...good, suspicion: { evidence: ['91 % of the files changed'], lastGood: '99aa88bb77' } };
  const run = runOf([suspicious, retried, notWhole, duplicate, unreachable, hostileHost]);
  const summary = mailsOf(run, PAST).at(-1);
  await expect(summary?.text).toMatchFileSnapshot('render.past.expected');
  await expect(summary?.html).toMatchFileSnapshot('render.past.expected.html');
});

const attentive = (mail: 'on_failure' | 'daily' | 'weekly') => ({
  reports: { mail, hostMail: 'on_failure', foldRepeated: true } as const,
});

test('no line of the text is wider than a terminal', () => {
  const lines = mailsOf(runOf([good, hostileHost, unreachable]), PAST).flatMap((mail) => mail.text.split('\n'));
  expect(lines.filter((line) => line.length > TEXT_WIDTH)).toEqual([]);
});

describe('a failure that repeats', () => {
  const past = (days: number[]) => ({ ...PAST, history: days.map((day) => earlier(day, [good, unreachable])) });
  /** As `earlier`, hours before. */
  const sameDay = (hours: number[]) => ({
    ...PAST,
    history: hours.map((hour) => {
      const at = (time: string) => new Date(Date.parse(time) - hour * 3_600_000).toISOString();
      const run = runOf([unreachable]);
      return { ...run, id: `20261121_03${hour}000-00000000`, started: at(run.started), ended: at(run.ended ?? '') };
    }),
  });
  const own = (facts: Partial<EmailFacts>) =>
    mailsOf(runOf([good, unreachable]), facts).filter(({ kind }) => kind === 'host');

  test('the first two mails are sent as they are, the second with the count', () => {
    expect(own({}).map((mail) => mail.subject)).toEqual([expect.stringMatching(/host db1 \(Code: 1\)$/)]);
    expect(own(sameDay([1])).map((mail) => mail.subject)).toEqual([
      expect.stringMatching(/host db1 \(Code: 1\), 2 times in a row$/),
    ]);
  });

  test('from the third on there is one a day, and the summary tells each time', () => {
    expect(own(sameDay([2, 1]))).toEqual([]);
    const [mail] = own(past([1, 2, 3]));
    expect(mail?.subject).toMatch(/, 4 times in a row$/);
    expect(mail?.text).toContain('It has failed 4 times in a row with this message, since 2026-11-18 04:00:00 UTC.');
    const summary = mailsOf(runOf([good, unreachable]), sameDay([3, 2, 1])).at(-1);
    expect(summary?.text).toContain('failed 4 times in a row');
  });

  test('another message, or a success in between, begins anew', () => {
    const other = { ...unreachable, steps: [step('connect', 'failed', { code: 'failed', message: 'no route' })] };
    expect(own({ history: [earlier(1, [other]), earlier(2, [unreachable])] })).toHaveLength(1);
    const fine = { ...good, host: 'db1' };
    const history = [earlier(1, [fine]), ...[2, 3].map((day) => earlier(day, [unreachable]))];
    expect(own({ history })[0]?.subject).toMatch(/Code: 1\)$/);
  });

  test('a run that was killed has sent no mail, so it does not count as one', () => {
    const killed = sameDay([2, 1]).history.map(({ ended: _, ...run }) => ({ ...run, status: 'running' as const }));
    expect(own({ history: killed })).toHaveLength(1);
  });

  test('`fold_repeated: false` sends each, `host_mail: never` none', () => {
    const reports = { mail: 'always', hostMail: 'on_failure', foldRepeated: false } as const;
    expect(own({ ...sameDay([2, 1]), reports })).toHaveLength(1);
    expect(own({ reports: { ...reports, hostMail: 'never' } })).toEqual([]);
  });
});

describe('`mail: on_failure`', () => {
  const fresh = { hosts: [{ hostname: 'web1', maxAgeMs: 26 * 3_600_000 }] };
  test.each<[string, RunRecord, number]>([
    ['is silent about a success', runOf([good]), 0],
    ['is silent where there was nothing to do and the host is fresh', runOf([good, duplicate]), 0],
    ['tells a failure', runOf([good, unreachable]), 1],
    ['tells a warning', runOf([good, notWhole]), 1],
    ['tells a host that is overdue though its run did not fail', runOf([{ ...duplicate, host: 'web1' }]), 1],
  ])('%s', (_, run, count) => {
    const mails = mailsOf(run, { ...attentive('on_failure'), ...fresh });
    expect(mails.filter(({ kind }) => kind !== 'host')).toHaveLength(count);
  });
});

describe('digests', () => {
  const bad = earlier(1, [unreachable]);
  test('the first run of a day tells of all runs since the digest before', () => {
    const at = (run: RunRecord, hours: number, id: string): RunRecord => {
      const move = (time: string) => new Date(Date.parse(time) + hours * 3_600_000).toISOString();
      return { ...run, id, started: move(run.started), ended: move(run.ended ?? '') };
    };
    const history = [
      at(earlier(1, [good]), 0, '20261120_040000-00000000'),
      at(bad, 6, '20261120_100000-00000000'),
      at(earlier(1, [good]), 12, '20261120_160000-00000000'),
    ];
    const [digest, ...others] = mailsOf(runOf([good]), { ...attentive('daily'), history });
    expect(others).toEqual([]);
    expect(digest?.subject).toMatch(/Backup Run SUCCESSFUL \(and 2 earlier runs, 1 of them failed\)$/);
    expect(digest?.text).toMatch(
      /^Runs since the last digest, newest first:\n\nID .*\n20261121_04.*\n20261120_16.*\n20261120_10.*db1\n\n/,
    );
    expect(digest?.text).not.toContain('20261120_040000');
    expect(digest?.important).toBe(true);
    expect(digest?.html).toContain('Runs since the last digest');
  });

  test('later runs of the period are silent unless they failed', () => {
    const history = [earlier(1, [good])];
    // 2026-11-20 is a Friday, the day after is of the same week.
    expect(mailsOf(runOf([good]), { ...attentive('weekly'), history })).toEqual([]);
    expect(mailsOf(runOf([unreachable]), { ...attentive('weekly'), history })).toHaveLength(2);
    expect(mailsOf(runOf([good]), { ...attentive('weekly'), history: [earlier(7, [good])] })).toHaveLength(1);
  });

  test('a host that has become overdue is told at once, and only once', () => {
    const hosts = [{ hostname: 'web1', maxAgeMs: 60 * 3_600_000 }];
    const idle = (days: number) => earlier(days, [{ ...duplicate, host: 'web1' }]);
    const run = runOf([{ ...duplicate, host: 'web1' }]);
    const kinds = (history: RunRecord[]) =>
      mailsOf(run, { ...attentive('weekly'), hosts, history }).map(({ kind }) => kind);
    expect(kinds([idle(1), idle(2), earlier(3, [good])])).toContain(undefined);
    expect(kinds([idle(1), idle(2), idle(3), earlier(4, [good])])).not.toContain(undefined);
  });
});
