// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manifest } from '@local-backup/common/manifest';
import { expect, test } from 'vitest';
import { counts, fail, NOW, run, STAMP, world } from '../helpers/pipeline-world.ts';

/* What the pipeline does with one host, in which order, and what is left behind when something goes wrong in between. */

test('a new archive is stored, and only then the host lets go of it', async () => {
  const w = world();
  const { record, host } = await run({ web1: w });
  expect(w.done).toEqual(['check', 'offer', 'bring', 'save', 'confirm', 'close']);
  expect(w).toMatchObject({ spool: undefined, marker: [] });
  expect(record.status).toBe('success');
  expect(host('web1')).toMatchObject({
    status: 'success',
    archive: `x-${STAMP}.tar.gz`,
    archiveBytes: 7,
    archiveCreated: '2026-11-21T03:00:00.000Z',
    snapshot: 'snapshot-1',
    ...counts,
  });
});

test('nothing is asked of a host whose repository is not usable', async () => {
  const w = world({ check: fail('config', 'not initialised, run: backup-server init web1') });
  const { host } = await run({ web1: w }, { retries: 3 });
  expect(w.done).toEqual(['check']);
  expect(host('web1')).toMatchObject({ status: 'failed', steps: [{ name: 'repository', code: 'config' }] });
});

test('a store that refuses leaves the archive on the host', async () => {
  const w = world({ save: fail('failed', 'disk full') });
  const { host, record } = await run({ web1: w });
  expect(w.done).toEqual(['check', 'offer', 'bring', 'save', 'close']);
  expect(w.spool).toBe(STAMP);
  expect(host('web1')).toMatchObject({ status: 'failed', archive: `x-${STAMP}.tar.gz` });
  expect(host('web1')).not.toHaveProperty('snapshot');
  expect(record.status).toBe('failed');
});

test('a snapshot that is not whole keeps the archive on the host, and the next run stores it again', async () => {
  const w = world();
  w.save = async () => {
    w.snapshots.push({ id: 'partial', time: NOW.toISOString(), tags: [STAMP] });
    return { snapshot: 'partial', ...counts, unreadable: ['/live/web1/a'] };
  };
  const first = await run({ web1: w });
  expect(first.host('web1')).toMatchObject({ status: 'warning', incomplete: true, snapshot: 'partial' });
  expect(w).toMatchObject({ spool: STAMP, marker: [STAMP] });
  delete w.save;
  const second = await run({ web1: w });
  expect(second.host('web1')).toMatchObject({ status: 'success', snapshot: 'snapshot-2' });
  expect(second.host('web1')).not.toHaveProperty('incomplete');
  expect(w).toMatchObject({ spool: undefined, marker: [] });
});

test('a run that was killed after the store had the snapshot is finished by the next one', async () => {
  const w = world({ marker: [STAMP], snapshots: [{ id: 'doubtful', time: NOW.toISOString(), tags: [STAMP] }] });
  const { host } = await run({ web1: w });
  expect(host('web1')).toMatchObject({ status: 'success', snapshot: 'snapshot-2' });
  expect(w).toMatchObject({ spool: undefined, marker: [] });
});

test('doubts about an older snapshot outlive a newer one that is whole', async () => {
  const older = '20261120_030000';
  const doubtful = { id: 'doubtful', time: '2026-11-20T04:00:00.000Z', tags: [older] };
  const w = world({ marker: [older], snapshots: [doubtful] });
  const { host } = await run({ web1: w });
  expect(host('web1')).toMatchObject({ status: 'success', snapshot: 'snapshot-2' });
  expect(w.marker).toEqual([older]);
});

test('an archive that is stored whole is not put in doubt when it is stored again by force', async () => {
  const w = world({ snapshots: [{ id: 'whole', time: NOW.toISOString(), tags: [STAMP] }] });
  w.offer = async () => ({ kind: 'new', stamp: STAMP, label: `x-${STAMP}.tar.gz`, why: 'forced' });
  w.save = fail('failed', 'disk full');
  await run({ web1: w });
  expect(w.done).toContain('save');
  expect(w.marker).toEqual([]);
});

test('what is stored already is skipped', async () => {
  const w = world({ snapshots: [{ id: 'old', time: NOW.toISOString(), tags: [STAMP] }] });
  const { host, record } = await run({ web1: w });
  expect(w.done).toEqual(['check', 'offer', 'close']);
  expect(host('web1')).toMatchObject({ status: 'skipped', skipped: 'SKIPPED_DUPLICATE' });
  expect(record.status).toBe('skipped');
});

test('a host that is skipped although its newest snapshot is too old has failed', async () => {
  const w = world({ snapshots: [{ id: 'old', time: '2026-11-19T04:00:00.000Z', tags: [STAMP] }] });
  const { host, record } = await run({ web1: w });
  expect(host('web1')).toMatchObject({ status: 'failed', skipped: 'SKIPPED_DUPLICATE' });
  expect(record.status).toBe('failed');
});

test('a host that cannot be told is a warning: the snapshot exists', async () => {
  const w = world({ confirm: fail('failed', 'read-only file system') });
  const { host } = await run({ web1: w });
  expect(host('web1')).toMatchObject({ status: 'warning', snapshot: 'snapshot-1' });
  expect(w).toMatchObject({ spool: STAMP, marker: [] });
});

test('what was odd about fetching and about letting go is in the record', async () => {
  const w = world({ bring: async () => ['no manifest'], confirm: async () => ['done/ is full'] });
  const { host } = await run({ web1: w });
  const warnings = host('web1')?.steps.filter((step) => step.status === 'warning');
  expect(warnings?.map((step) => step.message)).toEqual(['no manifest', 'done/ is full']);
  expect(host('web1')?.status).toBe('warning');
});

test('a service that failed on the client makes the host failed, though the rest is stored and confirmed', async () => {
  const service = { name: 'shop', type: 'mysql', status: 'failed', messages: ['access denied'], tasks: [] };
  const w = world({ manifest: { created: '2026-11-21T03:00:01.000Z', services: [service] } as unknown as Manifest });
  const { host, record } = await run({ web1: w }, { retries: 2 });
  expect(host('web1')).toMatchObject({
    status: 'failed',
    snapshot: 'snapshot-1',
    services: [{ messages: ['access denied'] }],
  });
  expect(record.status).toBe('failed');
  expect(w.done.filter((step) => step === 'save')).toHaveLength(1);
  expect(w.spool).toBeUndefined();
});

test('a dry run decides and stops', async () => {
  const w = world();
  const { host } = await run({ web1: w }, { dryRun: true });
  expect(w.done).toEqual(['check', 'offer', 'close']);
  expect(w).toMatchObject({ spool: STAMP, marker: [], snapshots: [] });
  expect(host('web1')?.steps.at(-1)?.message).toBe(`would fetch x-${STAMP}.tar.gz: nothing is stored yet`);
});
