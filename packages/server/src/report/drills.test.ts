// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { expect, test } from 'vitest';
import { lastDrills } from './drills.ts';

function runOf(started: string, hosts: readonly (readonly [string, Status, string?])[]): RunRecord {
  const head = { format: 1 as const, id: '20261121_040000-0123abcd', program: 'backup-server' as const };
  const records = hosts.map(([host, status, snapshot]): HostRecord => {
    const base = { host, status, started, seconds: 9, steps: [], services: [] };
    if (snapshot === undefined) return base;
    return { ...base, drill: { snapshot, taken: started, entries: 3, bytes: 4096, restoreSeconds: 1.5 } };
  });
  return {
    ...head,
    command: 'drill',
    version: '0',
    hostname: 'b',
    started,
    status: 'success',
    steps: [],
    hosts: records,
  };
}

test('the newest drill that proved a snapshot good counts, whatever the order of the records', () => {
  const runs = [
    runOf('2026-11-20T04:00:00.000Z', [
      ['web1', 'warning', 'second'],
      ['db1', 'success', 'only'],
    ]),
    runOf('2026-11-13T04:00:00.000Z', [['web1', 'success', 'first']]),
    runOf('2026-11-21T04:00:00.000Z', [
      ['web1', 'failed', 'third'],
      ['web2', 'failed', 'none'],
      ['db1', 'success'],
    ]),
  ];
  expect([...lastDrills(runs)]).toEqual([
    ['web1', { time: '2026-11-20T04:00:00.000Z', bytes: 4096, seconds: 1.5, snapshot: 'second' }],
    ['db1', { time: '2026-11-20T04:00:00.000Z', bytes: 4096, seconds: 1.5, snapshot: 'only' }],
  ]);
});
