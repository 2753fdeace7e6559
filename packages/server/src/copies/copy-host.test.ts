// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError, InterruptedError } from '@local-backup/common/errors';
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

async function run(copies: readonly HostCopy[], signal = new AbortController().signal) {
  const trail = createTrail(silentLog, () => NOW);
  const facts: HostFacts = { services: [] };
  await copyHost({ copies, now: () => NOW, signal }, { trail, facts });
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

test('a copy that the time limit of the host has ended is behind; one that a signal has ended ends the host', async () => {
  const endedBy = (reason: BackupError) => {
    const stop = new AbortController();
    const bring = () => {
      stop.abort(reason);
      return Promise.reject(reason);
    };
    return run([copyOf('offsite', { bring })], stop.signal);
  };
  const { status, facts } = await endedBy(new BackupError('failed', 'The host took longer than 12 h.'));
  expect(status).toBe('warning');
  expect(facts.copies).toMatchObject([{ status: 'warning', message: expect.stringContaining('longer than 12 h') }]);
  const signal = new InterruptedError('SIGTERM');
  await expect(endedBy(signal)).rejects.toBe(signal);
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
