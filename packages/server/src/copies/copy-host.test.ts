// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { expect, test } from 'vitest';
import { silentLog } from '../../../../test/helpers/silent-log.ts';
import type { HostFacts } from '../host-attempt.ts';
import { hostStatus } from '../report/report.ts';
import { createTrail } from '../report/trail.ts';
import { copyHost, type HostCopy } from './copy-host.ts';
import { readCopyMemory, writeCopyMemory } from './copy-memory.ts';

const NOW = new Date('2026-11-21T04:00:00.000Z');
const DAY_MS = 24 * 3_600_000;
const ago = (days: number) => new Date(NOW.getTime() - days * DAY_MS).toISOString();

function copyOf(name: string, changed: Partial<HostCopy> = {}): HostCopy & { remembered: string[] } {
  const remembered: string[] = [];
  return {
    ...{ name, maxAgeMs: 8 * DAY_MS, remembered },
    bring: async () => ({ copied: 2, newest: ago(0) }),
    known: async () => ago(1),
    remember: async (newest) => void remembered.push(newest),
    ...changed,
  };
}

const down = () => Promise.reject(new BackupError('failed', 'The server is down.'));

async function run(copies: readonly HostCopy[], changed: { dryRun?: boolean; incomplete?: boolean } = {}) {
  const { dryRun = false, incomplete } = changed;
  const trail = createTrail(silentLog, () => NOW);
  const facts: HostFacts = { services: [], ...(incomplete === undefined ? {} : { incomplete }) };
  await copyHost({ copies, dryRun, now: () => NOW, signal: new AbortController().signal }, { trail, facts });
  return { facts, steps: trail.steps, status: hostStatus({ services: [], steps: [...trail.steps] }) };
}

test('what was brought is recorded and remembered', async () => {
  const copy = copyOf('offsite');
  const { facts, steps, status } = await run([copy]);
  expect(facts.copies).toEqual([
    { name: 'offsite', status: 'success', seconds: 0, message: 'snapshots copied: 2', newest: ago(0) },
  ]);
  expect(steps).toMatchObject([{ name: 'copy offsite', status: 'success' }]);
  expect([status, copy.remembered]).toEqual(['success', [ago(0)]]);
});

test('a copy that fails is a warning with its age, and does not hold up the next one', async () => {
  const { facts, steps, status } = await run([copyOf('offsite', { bring: down }), copyOf('vault')]);
  expect(facts.copies).toMatchObject([
    { name: 'offsite', status: 'warning', newest: ago(1) },
    { name: 'vault', status: 'success' },
  ]);
  expect(steps[0]?.message).toMatch(
    /^The copy "offsite" is behind: its newest snapshot is of 2026-11-20 .*24 h old, at most 8 d.* is allowed .*The server is down\.$/,
  );
  expect(status).toBe('warning');
});

test.each([
  ['that is older than it may be', ago(9), /at most 8 d/],
  ['that never had a snapshot', undefined, /nothing was ever copied there/],
  ['with a time from the future', ago(-3), /in the future: check the server's clock/],
])('a copy that fails %s makes the host fail, with the code of its error', async (_, newest, message) => {
  const { facts, steps, status } = await run([copyOf('offsite', { bring: down, known: async () => newest })]);
  expect(facts.copies).toMatchObject([{ name: 'offsite', status: 'failed' }]);
  expect(steps).toMatchObject([
    { name: 'copy offsite', status: 'failed', code: 'failed', message: expect.stringMatching(message) },
  ]);
  expect(status).toBe('failed');
});

test('nothing is copied in a dry run, or after a backup that is not whole', async () => {
  const copies = [copyOf('offsite', { bring: () => Promise.reject(new Error('must not be called')) })];
  expect((await run(copies, { dryRun: true })).facts.copies).toBeUndefined();
  expect((await run(copies, { incomplete: true })).facts.copies).toBeUndefined();
});

test('the memory of a copy outlives the program; a file that cannot be read is no evidence', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'copy-memory-'));
  const file = join(directory, 'deep/web1@offsite.newest.json');
  try {
    expect(await readCopyMemory(file)).toBeUndefined();
    await writeCopyMemory(file, ago(1));
    expect(await readCopyMemory(file)).toBe(ago(1));
    writeFileSync(file, '{"newest": "yester');
    expect(await readCopyMemory(file)).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
