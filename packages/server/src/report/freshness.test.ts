// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import { freshnessOf, isFromFuture, isStale } from './freshness.ts';

const HOUR = 3_600_000;
const now = new Date('2026-11-21T12:00:00.000Z');
const ago = (hours: number) => new Date(now.getTime() - hours * HOUR).toISOString();

test.each([
  ['never', undefined, true],
  ['now', ago(0), false],
  ['just within the limit', ago(36), false],
  ['just beyond it', ago(36.001), true],
  ['a moment ahead', ago(-0.05), false],
  ['an hour ahead: a clock jumped', ago(-1), true],
  ['no time at all', 'yesterday', true],
])('last success %s', (_, lastSuccess, stale) => {
  expect(isStale(lastSuccess, 36 * HOUR, now)).toBe(stale);
});

function run(hours: number, host: Partial<HostRecord>, command = 'backup'): RunRecord {
  const started = ago(hours);
  return {
    format: 1,
    id: '20261121_040000-00000000',
    program: 'backup-server',
    command,
    version: '0',
    hostname: 'backup1',
    started,
    status: 'success',
    steps: [],
    hosts: [{ host: 'web1', status: 'success', started, seconds: 0, steps: [], services: [], ...host }],
  };
}

function webFreshness(runs: readonly RunRecord[]) {
  const [freshness] = freshnessOf([{ hostname: 'web1', maxAgeMs: 36 * HOUR }], runs, now);
  return freshness;
}

test('a host without any run has failed', () => {
  expect(webFreshness([])).toMatchObject({
    status: 'failed',
    stale: true,
    lastSuccess: undefined,
    lastStatus: undefined,
  });
});

test('a fresh snapshot and a good last run are green, whatever the order of the records', () => {
  const runs = [run(30, { status: 'failed' }), run(2, { snapshot: 'new' }), run(20, { snapshot: 'old' })];
  expect(webFreshness(runs)).toMatchObject({
    status: 'success',
    snapshot: 'new',
    lastSuccess: ago(2),
    ageMs: 2 * HOUR,
  });
});

test('a last run that failed shows although the snapshot before it is fresh', () => {
  const runs = [run(20, { snapshot: 'old' }), run(2, { status: 'failed' })];
  expect(webFreshness(runs)).toMatchObject({ status: 'failed', stale: false, snapshot: 'old', lastStatus: 'failed' });
});

test('skipping does not keep a host fresh', () => {
  const runs = [run(40, { snapshot: 'old' }), run(2, { status: 'skipped', skipped: 'SKIPPED_DUPLICATE' })];
  expect(webFreshness(runs)).toMatchObject({ status: 'failed', stale: true, lastSuccess: ago(40) });
});

test('a snapshot that is not whole is no success', () => {
  expect(webFreshness([run(2, { snapshot: 'new', incomplete: true, status: 'warning' })])).toMatchObject({
    status: 'failed',
    lastSuccess: undefined,
    lastStatus: 'warning',
  });
});

test('runs of other commands and of other hosts are no evidence', () => {
  const runs = [run(2, { snapshot: 'new' }, 'check'), run(2, { host: 'web2', snapshot: 'new' })];
  expect(webFreshness(runs)).toMatchObject({ status: 'failed', lastSuccess: undefined });
});

test('a run that was ended before the turn of the host came does not hide how it fared the last time', () => {
  const runs = [run(2, { status: 'skipped', skipped: 'INTERRUPTED' }), run(10, { status: 'failed' })];
  expect(webFreshness([...runs, run(20, { snapshot: 'old' })])).toMatchObject({ status: 'failed', stale: false });
});

test.each<[string, boolean, RunRecord]>([
  ['now', false, run(0, {})],
  ['a moment ahead', false, run(-0.05, {})],
  ['begun in the future', true, run(-1, {})],
  ['ended in the future', true, { ...run(1, {}), ended: ago(-1) }],
  ['a host whose turn is to come', true, { ...run(1, {}), hosts: run(-1, {}).hosts }],
])('a record of a time that has not come yet: %s', (_, isOne, record) => {
  expect(isFromFuture(record, now)).toBe(isOne);
});
