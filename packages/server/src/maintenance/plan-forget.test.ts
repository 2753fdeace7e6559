// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Judged } from '../stores/upkeep.ts';
import type { Pin } from './pins.ts';
import { type PlanIo, planForget, withStandIns } from './plan-forget.ts';

const now = new Date('2026-11-21T06:00:00.000Z');

/** A snapshot of this day of November at 04:00. */
const on = (day: number, reasons: readonly string[] = [], tags: readonly string[] = []): Judged => {
  const time = `2026-11-${String(day).padStart(2, '0')}T04:00:00.000Z`;
  return { id: day.toString(16).padStart(2, '0').repeat(32), time, tags, reasons };
};
const daily = ['daily snapshot'];
const doubtful = ['20261121_030000'];

const io = (judged: readonly Judged[], changed: Partial<PlanIo> = {}): PlanIo => ({
  upkeep: { judge: async () => judged },
  policy: ['--keep-daily', '7'],
  keepAtLeast: 3,
  maxForgetShare: 0.9,
  unproven: async () => [],
  circumstances: async () => ({
    hostname: 'web1',
    lastCheck: undefined,
    suspicion: undefined,
    clock: undefined,
    runs: [
      {
        program: 'backup-server',
        command: 'backup',
        started: '2026-11-21T04:00:00.000Z',
        hosts: [{ host: 'web1', snapshot: 'x', services: [] }],
      } as never,
    ],
    maxAgeMs: 30 * 3_600_000,
  }),
  now: () => now,
  signal: new AbortController().signal,
  ...changed,
});

const ids = (snapshots: readonly Judged[]) => snapshots.map(({ time }) => Number(time.slice(8, 10)));
const pin = (snapshot: Judged): Pin => ({
  snapshot: snapshot.id,
  taken: snapshot.time,
  reason: 'audit',
  pinned: '2026-11-21T05:00:00.000Z',
});

test('what the policy lets go goes, what is pinned stays, pins of what is not there are told', async () => {
  const judged = [on(1), on(2), on(18, daily), on(19, daily), on(20, daily), on(21, daily)];
  const plan = await planForget(io(judged), [pin(on(2)), pin(on(3))]);
  expect(ids(plan.forget)).toEqual([1]);
  expect(plan.refused).toEqual([]);
  expect(ids(plan.keep.map(({ snapshot }) => snapshot))).toEqual([2, 18, 19, 20, 21]);
  expect(plan.keep[0]?.reasons).toEqual(['pinned']);
  expect(plan.gone.map(({ snapshot }) => snapshot)).toEqual([on(3).id]);
});

test('a pinned snapshot that was given another id, by new tags or a repair, stays too', async () => {
  const judged = [on(1), { ...on(2), id: 'ab'.repeat(32) }, on(18, daily), on(19, daily), on(20, daily), on(21, daily)];
  const plan = await planForget(io(judged), [pin(on(2))]);
  expect(ids(plan.forget)).toEqual([1]);
  expect(plan.keep[0]?.reasons).toEqual(['pinned']);
  expect(plan.gone).toEqual([]);
});

test('a frozen host forgets nothing, and the plan says how much the policy let go', async () => {
  const judged = [on(1), on(19, daily), on(20, daily), on(21, daily)];
  const circumstances = async () => ({ ...(await io([]).circumstances()), clock: 'The clock went back.' });
  const plan = await planForget(io(judged, { circumstances }), []);
  expect(plan).toMatchObject({ forget: [], refused: ['The clock went back.'], letGo: 1 });
});

test('snapshots that were never proven whole do not count as left', async () => {
  const judged = [on(1), on(19, daily), on(20, daily), on(21, daily, doubtful)];
  const refused = await planForget(io(judged, { unproven: async () => doubtful }), []);
  expect(refused.forget).toEqual([]);
  expect(refused.refused).toEqual([expect.stringMatching(/only 2 were proven whole; at least 3/)]);
  const enough = await planForget(io(judged, { unproven: async () => doubtful, keepAtLeast: 2 }), []);
  expect(ids(enough.forget)).toEqual([1]);
});

test('what stands in for a doubtful snapshot is not forgotten', async () => {
  const judged = [on(1), on(16), on(17, daily, doubtful), on(19, daily), on(20, daily), on(21, daily)];
  const plan = await planForget(io(judged, { unproven: async () => doubtful }), []);
  expect(ids(plan.forget)).toEqual([1]);
});

test('the newest snapshot that was proven decides whether the host is fresh', async () => {
  const judged = [on(17, daily), on(18, daily), on(19, daily), on(21, daily, doubtful)];
  const plan = await planForget(io(judged, { unproven: async () => doubtful }), []);
  expect(plan.refused).toEqual([expect.stringContaining('is of 2026-11-19 04:00:00 UTC')]);
});

test('the one before a doubtful snapshot stays for its reasons', () => {
  const isDoubtful = ({ tags }: Judged) => tags.length > 0;
  const judged = [on(1), on(2), on(3, daily, doubtful), on(4, daily, doubtful), on(5, daily), on(6, [], doubtful)];
  expect(withStandIns(judged, isDoubtful).map(({ reasons }) => reasons)).toEqual([
    [],
    [
      'stands in for 03030303, which was never proven whole (daily snapshot)',
      'stands in for 04040404, which was never proven whole (daily snapshot)',
    ],
    daily,
    daily,
    daily,
    [],
  ]);
  expect(withStandIns([on(3, daily, doubtful)], isDoubtful)).toEqual([on(3, daily, doubtful)]);
});
