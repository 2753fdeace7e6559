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
  const facts = { mode, history, hosts: [], drillMaxAgeMs: 0 };
  const plan = planSummary(newest, facts, new Date(newest.ended ?? ''));
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

test('a host that has become suspicious does not wait for the digest; it is told once', () => {
  const suspicious = { hosts: [{ ...good, status: 'warning' as const, suspicion: { evidence: ['all is gone'] } }] };
  const fine = at('2026-11-17T04:00');
  expect(digestOf('weekly', [at('2026-11-18T04:00', suspicious), fine])).toEqual([]);
  const told = at('2026-11-18T04:00', suspicious);
  expect(digestOf('weekly', [at('2026-11-19T04:00', suspicious), told, fine])).toBeUndefined();
  // Nobody has heard of a run that was killed.
  const { ended: _, ...killed } = told;
  expect(digestOf('weekly', [at('2026-11-19T04:00', suspicious), killed, fine])).toEqual([]);
});

test.each([
  ['a host whose restore was never proven in all that time', 3, true],
  ['a host that is new', 8, false],
])('`on_failure` tells of %s', (_, days, send) => {
  const history = [at('2026-11-17T04:00', { hosts: [{ ...good, started: '2026-11-17T04:00:00.000Z' }] })];
  const hosts = [{ hostname: 'web1', maxAgeMs: 86_400_000 }];
  const facts = { mode: 'on_failure', history, hosts, drillMaxAgeMs: days * 86_400_000 } as const;
  expect(planSummary(at('2026-11-21T04:00'), facts, new Date('2026-11-21T04:01:00.000Z')).send).toBe(send);
});
