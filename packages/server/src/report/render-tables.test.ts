// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import type { Freshness } from './freshness.ts';
import { renderSnapshots } from './render-snapshots.ts';
import { fleetState, renderStatus } from './render-status.ts';

const HOUR = 3_600_000;

const fresh: Freshness = {
  host: 'web1',
  status: 'success',
  lastSuccess: '2026-11-21T04:01:00.000Z',
  ageMs: 8 * HOUR,
  maxAgeMs: 26 * HOUR,
  lastStatus: 'success',
  snapshot: 'ab12cd34ef',
  stale: false,
};

const never: Freshness = {
  ...fresh,
  host: 'database1',
  status: 'failed',
  lastSuccess: undefined,
  ageMs: undefined,
  lastStatus: undefined,
  snapshot: undefined,
  stale: true,
};

const runOf = (started: string, status: RunRecord['status'], ended?: string) =>
  ({ id: `run of ${started}`, started, status, ...(ended === undefined ? {} : { ended }) }) as RunRecord;

test('the state of the fleet as a table', () => {
  const old = {
    ...fresh,
    host: 'web2',
    status: 'failed',
    ageMs: 50 * HOUR,
    lastStatus: 'skipped',
    stale: true,
  } as const;
  const runs = [
    runOf('2026-11-21T04:00:00.000Z', 'failed', '2026-11-21T04:02:00.000Z'),
    runOf('2026-11-20T04:00:00.000Z', 'success'),
  ];
  expect(renderStatus(fleetState([fresh, old, never], runs))).toEqual([
    '        Host       Last success             Age      Limit  Last run',
    'ok      web1       2026-11-21 04:01:00 UTC  8 h      26 h   success',
    'NOT OK  web2       2026-11-21 04:01:00 UTC  2 d 2 h  26 h   skipped; TOO OLD',
    'NOT OK  database1  never                    -        26 h   none; NEVER BACKED UP',
    '',
    'Last run run of 2026-11-21T04:00:00.000Z, started 2026-11-21 04:00:00 UTC: failed',
    'NOT in order. Details: backup-server backup HOST; the mail and the log of the last run.',
  ]);
});

test.each<[string, readonly Freshness[], boolean]>([
  ['fresh hosts are green', [fresh], true],
  ['a host with nothing to do is green', [{ ...fresh, status: 'skipped' }], true],
  ['a warning is not green', [fresh, { ...fresh, status: 'warning' }], false],
  ['a host that was never backed up is not green', [fresh, never], false],
  ['no hosts are not green', [], false],
])('%s', (_, hosts, green) => {
  expect(fleetState(hosts, []).green).toBe(green);
});

test('a run without an end is under way or was killed', () => {
  const lines = renderStatus(fleetState([fresh], [runOf('2026-11-21T04:00:00.000Z', 'running')]));
  expect(lines.join('\n')).toContain('under way, or killed before it ended');
});

test('the snapshots of hosts, the doubtful one marked', () => {
  const snapshot = (id: string, stamp: string) => ({ id, time: '2026-11-21T04:01:00.000Z', tags: ['web1', stamp] });
  const snapshots = [snapshot('ab12cd34ef', '20261120_030000'), snapshot('0123456789', '20261121_030000')];
  const hosts = [
    { host: 'web1', snapshots, unproven: ['20261121_030000'] },
    { host: 'web2', snapshots: [], unproven: [] },
  ];
  expect(renderSnapshots(hosts)).toEqual([
    'web1: 2 snapshots',
    'ID        Stored                   Archive',
    'ab12cd34  2026-11-21 04:01:00 UTC  20261120_030000',
    '01234567  2026-11-21 04:01:00 UTC  20261121_030000  not proven whole',
    '',
    'web2: no snapshots yet. Make one: backup-server backup web2',
  ]);
});
