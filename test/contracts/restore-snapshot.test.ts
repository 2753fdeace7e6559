// SPDX-License-Identifier: AGPL-3.0-or-later
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BackupError } from '@local-backup/common/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RestoreJob, restoreSnapshot } from '../../packages/server/src/restore/restore-snapshot.ts';
import { copyingFrom } from '../helpers/copying-history.ts';
import { seedTree } from '../helpers/seed-snapshot.ts';

let base: string;
let live: string;
let target: string;
beforeEach(async () => {
  base = fs.mkdtempSync(join(tmpdir(), 'restore-snapshot-'));
  live = join(base, 'live');
  target = join(base, 'target');
  const files = { 'web/shop/a': 'one', 'web/shop/b': 'two', 'db/main/dump': 'three' };
  await seedTree({ directory: live, host: 'web1', stamp: '20261121_030000', files });
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

/** Gives back what is in `live`, as a repository that is in order would. */
const copying: RestoreJob['history'] = {
  async list({ path }, onItem) {
    const names = fs.existsSync(join(live, path)) ? fs.readdirSync(join(live, path)) : [];
    const facts = { type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: '' } as const;
    for (const name of names) onItem({ ...facts, path: `${path}/${name}` });
  },
  async dump({ path }, descriptor) {
    fs.writeSync(descriptor, fs.readFileSync(join(live, path)));
  },
  ...copyingFrom(() => live),
  find: () => Promise.reject(new Error('not asked for')),
  diff: () => Promise.reject(new Error('not asked for')),
  mount: () => Promise.reject(new Error('not asked for')),
};

function restore(paths: readonly string[], changed: Partial<RestoreJob['history']> = {}, verify = true) {
  const job = { history: { ...copying, ...changed }, snapshot: 'ab12', target, services: [], paths };
  const nothing = () => undefined;
  const watch = { unproven: nothing, restoring: nothing, failed: nothing, verifying: nothing, verified: nothing };
  const how = { overwrite: false, verify, checkSpace: false, signal: new AbortController().signal };
  return restoreSnapshot({ ...job, ...how, watch });
}

test('all of it, or a part, is compared', async () => {
  expect((await restore(['web/shop', 'db/main/dump'])).verified).toMatchObject({ files: 3, differences: [] });
  fs.rmSync(target, { recursive: true });
  expect((await restore([])).verified).toMatchObject({ entries: 7, files: 3, differences: [] });
});

test('what comes back beside the part that was asked for is a difference', async () => {
  const tooMuch: Partial<RestoreJob['history']> = {
    restore: (request, signal) => copying.restore({ ...request, include: ['web', 'db/main'] }, signal),
  };
  const { verified } = await restore(['web/shop/a', 'db'], tooMuch);
  expect(verified?.differences).toEqual([{ path: 'web/shop/b', what: 'is not in the entry list' }]);
});

test('of a restore that has failed it is told what is missing', async () => {
  const half: Partial<RestoreJob['history']> = {
    async restore(request, signal) {
      await copying.restore({ ...request, include: ['web'] }, signal);
      throw new BackupError('failed', 'a pack is damaged');
    },
  };
  const { failure, verified } = await restore(['web', 'db/main/dump'], half);
  expect(failure?.message).toMatch(/^a pack is damaged\nWhat is in .* is not complete\.$/);
  expect(verified?.differences).toEqual([{ path: 'db/main/dump', what: expect.stringMatching(/^is missing/) }]);
  fs.rmSync(target, { recursive: true });
  await expect(restore(['web'], half, false)).rejects.toThrow('a pack is damaged');
});

describe('a part that is not there is told, and nothing is restored', () => {
  test('one of two', async () => {
    await expect(restore(['web/shop', 'db/main/dumb'])).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^Nothing in the snapshot matches "db\/main\/dumb"; nothing was restored\./),
    });
    expect(fs.existsSync(target)).toBe(false);
  });

  test('in a snapshot without a list of its entries', async () => {
    fs.rmSync(join(live, '.backup'), { recursive: true });
    await expect(restore(['db/main/dumb'])).rejects.toMatchObject({ code: 'usage' });
    fs.rmSync(target, { recursive: true });
    expect(await restore(['db/main/dump'])).toMatchObject({ verified: undefined, isListUnreadable: false });
  });
});

describe('the list', () => {
  test.each<[string, () => void]>([
    ['is no gzip', () => fs.writeFileSync(join(live, '.backup/entries.gz'), 'damaged')],
    ['is no list', () => fs.writeFileSync(join(live, '.backup/entries.gz'), gzipSync('{"path":1}\n'))],
  ])('%s: the restore goes on without it, and says so', async (_, damage) => {
    damage();
    const restored = await restore(['web/shop']);
    expect(restored).toMatchObject({ verified: undefined, measured: undefined, isListUnreadable: true });
    expect(fs.readFileSync(join(target, 'web/shop/a'), 'utf8')).toBe('one');
  });

  test.each(['locked', 'config'] as const)('was not to be had, for the repository was not (%s)', async (code) => {
    const dump = () => Promise.reject(new BackupError(code, 'by another one'));
    await expect(restore([], { dump })).rejects.toMatchObject({ code });
    expect(fs.existsSync(target)).toBe(false);
  });
});
