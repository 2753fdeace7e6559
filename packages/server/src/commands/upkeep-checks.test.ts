// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { describe, expect, it } from 'vitest';
import { drillFinding, maintenanceFinding, neededForFetching } from './upkeep-checks.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const DAY_MS = 24 * 3_600_000;
const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY_MS).toISOString();

function run(command: string, days: number, hosts: readonly Partial<HostRecord>[] = []): RunRecord {
  const started = daysAgo(days);
  const facts: HostRecord = { host: 'web1', status: 'success', started, seconds: 1, steps: [], services: [] };
  const whose = { program: 'backup-server', command, version: '0', hostname: 'vault' } as const;
  const result = { started, status: 'success', steps: [] as [] } as const;
  return {
    ...{ format: 1, id: '20261121_120000-00000000', ...whose, ...result },
    hosts: hosts.map((host) => ({ ...facts, ...host })),
  };
}

describe('the age of the last maintenance', () => {
  it.each([
    ['a server without backups', [], 'nothing to look after yet'],
    ['one a week ago', [run('maintenance', 7)], expect.stringContaining('last done 2026-11-14')],
    [
      'a month ago',
      [run('maintenance', 30)],
      { warning: expect.stringMatching(/^last done 30 d ago\. .*maintenance$/) },
    ],
    [
      'never, though there are backups',
      [run('backup', 1)],
      { warning: expect.stringContaining('there has been none') },
    ],
    [
      'only one that failed',
      [run('backup', 1), { ...run('maintenance', 1), status: 'failed' as const }],
      { warning: expect.stringContaining('there has been none') },
    ],
  ])('%s', (_, runs, expected) => {
    expect(maintenanceFinding(runs, NOW)).toEqual(expected);
  });
});

describe('the age of the last drill', () => {
  const drill = { snapshot: 'ab', taken: daysAgo(9), entries: 5, bytes: 41_000_000_000, restoreSeconds: 360 };
  it.each([
    ['nothing saved yet', [], 'no snapshot yet'],
    [
      'saved and never proven',
      [run('backup', 1, [{ snapshot: 'ab' }])],
      { warning: expect.stringMatching(/as a proof yet/) },
    ],
    [
      'proven lately',
      [run('drill', 3, [{ drill }])],
      expect.stringMatching(/^last proof 2026-11-18 .*: 38.* GiB in 6 min$/),
    ],
    ['long ago', [run('drill', 40, [{ drill }])], { warning: expect.stringContaining('longer ago than 35 d') }],
    ['of another host', [run('drill', 3, [{ drill, host: 'web2' }])], 'no snapshot yet'],
  ])('%s', (_, runs, expected) => {
    expect(drillFinding('web1', runs, 35 * DAY_MS, NOW)).toEqual(expected);
  });
});

it('archives need the space of the largest ones that are fetched together, each as it was last', () => {
  const runs = [
    run('backup', 1, [
      { host: 'a', archiveBytes: 10 },
      { host: 'b', archiveBytes: 30 },
      { host: 'c', archiveBytes: 20 },
    ]),
    run('backup', 2, [{ host: 'b', archiveBytes: 500 }]),
  ];
  expect(neededForFetching(runs, 1)).toBe(30);
  expect(neededForFetching(runs, 2)).toBe(50);
  expect(neededForFetching([], 2)).toBe(0);
});
