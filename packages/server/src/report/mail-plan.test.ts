// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import { good, runOf } from '../../../../test/helpers/run-records.ts';
import type { MailMode } from '../config/report-schema.ts';
import { planSummary } from './mail-plan.ts';

const at = (started: string, rest: Partial<RunRecord> = {}): RunRecord => ({
  ...runOf([good]),
  id: started,
  started: `${started}:00.000Z`,
  ended: `${started}:30.000Z`,
  ...rest,
});

/** The runs that a digest tells of beside the newest; undefined: no mail. */
function digestOf(mode: MailMode, [newest, ...history]: readonly RunRecord[]) {
  if (newest === undefined) return undefined;
  const plan = planSummary(newest, { mode, history, hosts: [] }, new Date(newest.ended ?? ''));
  return plan.send ? plan.earlier.map(({ id }) => id) : undefined;
}

// 2026-11-22 is a Sunday.
test.each<[string, MailMode, readonly RunRecord[], readonly string[] | undefined]>([
  ['the very first run', 'daily', [at('2026-11-20T04:00')], []],
  ['the second of a day', 'daily', [at('2026-11-20T23:59'), at('2026-11-20T00:00')], undefined],
  [
    'the first of the next day',
    'daily',
    [at('2026-11-21T00:00'), at('2026-11-20T23:59'), at('2026-11-20T00:00')],
    ['2026-11-20T23:59'],
  ],
  [
    'a Sunday is of the week of the Monday before',
    'weekly',
    [at('2026-11-22T04:00'), at('2026-11-16T04:00')],
    undefined,
  ],
  [
    'a Monday begins a week',
    'weekly',
    [at('2026-11-23T04:00'), at('2026-11-22T04:00'), at('2026-11-16T04:00')],
    ['2026-11-22T04:00'],
  ],
  [
    'a day without runs',
    'daily',
    [at('2026-11-24T04:00'), at('2026-11-20T05:00'), at('2026-11-20T04:00')],
    ['2026-11-20T05:00'],
  ],
])('a digest: %s', (_, mode, runs, expected) => {
  expect(digestOf(mode, runs)).toEqual(expected);
});

test('a run that was killed has sent no digest: the next one does, and tells of it', () => {
  const { ended: _, ...rest } = at('2026-11-21T04:00', { status: 'running' });
  const runs = [at('2026-11-21T05:00'), rest, at('2026-11-20T04:00')];
  expect(digestOf('daily', runs)).toEqual(['2026-11-21T04:00']);
});

test('runs of other commands have digests of their own', () => {
  const drill = at('2026-11-21T03:00', { command: 'drill' });
  expect(digestOf('daily', [at('2026-11-21T04:00'), drill, at('2026-11-20T04:00')])).toEqual([]);
});
