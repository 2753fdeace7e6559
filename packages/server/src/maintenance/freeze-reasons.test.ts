// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import { type FreezeFacts, freezeReasons } from './freeze-reasons.ts';

const now = new Date('2026-11-21T06:00:00.000Z');
const stored: Partial<HostRecord> = { snapshot: 'ab12cd34' };

/** A backup of web1 on this day of November; `host` undefined: without web1. */
const backup = (day: number, host: Partial<HostRecord> | undefined, run: Partial<RunRecord> = {}) => {
  const started = `2026-11-${day}T04:00:00.000Z`;
  const usual = { host: 'web1', status: 'success' as const, started, seconds: 60, steps: [], services: [] };
  const hosts = host === undefined ? [] : [{ ...usual, ...host }];
  return { program: 'backup-server', command: 'backup', started, hosts, ...run } as RunRecord;
};

const facts = (changed: Partial<FreezeFacts> = {}): FreezeFacts => ({
  hostname: 'web1',
  lastCheck: { time: '2026-11-21T05:00:00.000Z', ok: true, share: '1/12', problems: [] },
  suspicion: undefined,
  clock: undefined,
  runs: [backup(21, stored), backup(20, { status: 'failed' })],
  newestProven: '2026-11-21T04:01:00.000Z',
  maxAgeMs: 26 * 3_600_000,
  now,
  ...changed,
});

test('a host that is in order is not frozen', () => {
  expect(freezeReasons(facts())).toEqual([]);
  expect(freezeReasons(facts({ lastCheck: undefined }))).toEqual([]);
});

const duplicate: Partial<HostRecord> = { status: 'skipped', skipped: 'SKIPPED_DUPLICATE' };
const withoutShop: Partial<HostRecord> = {
  ...{ ...stored, status: 'failed' },
  services: [{ name: 'shop\u001b', type: 'mysql', status: 'failed', messages: [] }],
};
const damaged = { time: '2026-11-14T05:00:00.000Z', ok: false, share: 'none', problems: ['pack gone'] };
const suspicion = { since: '2026-11-19T04:00:00.000Z', evidence: ['9 of 10 files changed', 'more'] };

test.each<[string, Partial<FreezeFacts>, RegExp]>([
  ['a service failed on the client', { runs: [backup(21, withoutShop)] }, /lacks services .*: mysql\/shop\\x1b\./],
  ['that is so, and there was nothing new', { runs: [backup(20, withoutShop), backup(21, duplicate)] }, /mysql\/shop/],
  [
    'the last check found damage',
    { lastCheck: damaged },
    /^The repository was found damaged on 2026-11-14 05:00:00 UTC/,
  ],
  ['it is suspicious', { suspicion }, /since 2026-11-19.*: 9 of 10 files changed \(and 1 more\)\..*release web1$/],
  ['the clock has jumped', { clock: 'The clock went back.' }, /^The clock went back\.$/],
  ['there is no record of a backup', { runs: [] }, /^No backup of the host is on record/],
  [
    'the last backup failed',
    { runs: [backup(20, stored), backup(21, { status: 'failed' })] },
    /2026-11-21.*\(failed\)/,
  ],
  [
    'the last backup failed, behind one that a wrong clock has dated',
    { runs: [backup(21, { status: 'failed' }), backup(21, stored, { started: '2027-11-21T04:00:00.000Z' })] },
    /2026-11-21.*\(failed\)/,
  ],
  ['the last backup is not whole', { runs: [backup(21, { ...stored, incomplete: true })] }, /not whole/],
  ['the host was locked', { runs: [backup(21, { skipped: 'SKIPPED_CLIENT_LOCK' })] }, /\(SKIPPED_CLIENT_LOCK\)/],
  [
    'the newest snapshot is too old',
    { newestProven: '2026-11-20T03:00:00.000Z' },
    /is of 2026-11-20 03:00:00 UTC, at most 26 h/,
  ],
  ['the newest snapshot is from the future', { newestProven: '2027-11-20T03:00:00.000Z' }, /is of 2027-11-20/],
  ['nothing was proven whole', { newestProven: undefined }, /^No snapshot of the host was proven whole/],
])('a host is frozen when %s', (_, changed, reason) => {
  expect(freezeReasons(facts(changed))).toEqual([expect.stringMatching(reason)]);
});

test.each<[string, readonly RunRecord[]]>([
  ['a duplicate shows that the newest is stored', [backup(21, duplicate)]],
  ['a turn that never came says nothing', [backup(20, stored), backup(21, { skipped: 'INTERRUPTED' })]],
  ['a run that has not got to the host says nothing', [backup(20, stored), backup(21, undefined)]],
  ['other commands say nothing', [backup(20, stored), backup(21, { status: 'failed' }, { command: 'drill' })]],
  ['a duplicate after a lost link', [backup(19, stored), backup(20, { status: 'failed' }), backup(21, duplicate)]],
])('a host is not frozen: %s', (_, runs) => {
  expect(freezeReasons(facts({ runs }))).toEqual([]);
});

test('all reasons are told', () => {
  expect(
    freezeReasons(facts({ lastCheck: damaged, suspicion, clock: 'x', runs: [], newestProven: undefined })),
  ).toHaveLength(5);
});
