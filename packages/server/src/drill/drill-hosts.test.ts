// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { expect, test } from 'vitest';
import type { Host } from '../config/host.ts';
import { type DrillPlan, drillHosts } from './drill-hosts.ts';

const NOW = new Date('2026-11-21T04:00:00.000Z');
const DAY_MS = 24 * 3_600_000;
const nothing = () => undefined;
const log: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };

/** Drills of hosts whose repositories cannot be opened: every one that is begun fails. */
async function drill(changed: Partial<DrillPlan>) {
  const begun: string[] = [];
  const told: string[] = [];
  const records = await drillHosts({
    hosts: ['a', 'b', 'c'].map((hostname) => ({ hostname }) as Host),
    last: new Map([
      ['a', { time: '2026-11-20T04:00:00.000Z', bytes: 1, seconds: 1, snapshot: 'ab12cd34ef' }],
      ['b', { time: '2026-10-01T04:00:00.000Z', bytes: 1, seconds: 1, snapshot: '99aabbccdd' }],
    ]),
    maxAgeMs: 35 * DAY_MS,
    maxDurationMs: 60_000,
    hostTimeLimitMs: undefined,
    openDirectory: () => Promise.reject(new BackupError('config', 'The disk is not mounted.')),
    open: ({ hostname }) => {
      begun.push(hostname);
      throw new Error('not reached');
    },
    log,
    now: () => NOW,
    signal: new AbortController().signal,
    onRecord: async ({ host }) => void told.push(host),
    ...changed,
  });
  return { records, begun, told };
}

test('hosts whose turn does not come in time are skipped, and told where that is overdue', async () => {
  const { records, begun } = await drill({ maxDurationMs: 0 });
  expect(begun).toEqual([]);
  expect(records.map(({ host, skipped, status }) => [host, skipped, status])).toEqual([
    ['a', 'SKIPPED_NO_TIME', 'skipped'],
    ['b', 'SKIPPED_NO_TIME', 'warning'],
    ['c', 'SKIPPED_NO_TIME', 'warning'],
  ]);
  expect(records[1]?.steps[1]?.message).toBe(
    'the last restore that was proven was that of 2026-10-01 04:00:00 UTC, 51 d ago, of snapshot 99aabbcc; at most 35 d is allowed (drill.max_age)',
  );
  expect(records[2]?.steps[1]?.message).toMatch(/^no restore of this host was ever proven by a drill/);
});

test('those that have waited longest have their turn first; the records are in the order of the configuration', async () => {
  const { records, told } = await drill({});
  expect(told).toEqual(['c', 'b', 'a']);
  expect(records.map(({ host, status }) => [host, status])).toEqual([
    ['a', 'failed'],
    ['b', 'failed'],
    ['c', 'failed'],
  ]);
  expect(records[0]?.steps.map(({ message }) => message)).toEqual([
    'The disk is not mounted.',
    'the last restore that was proven was that of 2026-11-20 04:00:00 UTC, 24 h ago, of snapshot ab12cd34',
  ]);
});
