// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Remote } from '../../packages/server/src/remotes/remote.ts';
import type { Trail } from '../../packages/server/src/report/trail.ts';
import {
  type ArchivePlace,
  bring,
  createArchivePlace,
  createTestTrail,
  NOW,
  STAMP,
  writeFiles,
} from '../helpers/archive-place.ts';
import { createMemoryHost, createMemorySource } from '../helpers/memory-source.ts';
import { describeSource } from './source.ts';

describeSource('memory', async () => {
  const host = createMemoryHost();
  const root = mkdtempSync(join(tmpdir(), 'memory-source-'));
  return {
    liveDirectory: root,
    source: () => createMemorySource(host, root),
    publish: async (stamp, files) => void host.states.set(stamp, files),
    close: async () => rmSync(root, { recursive: true }),
  };
});

describeSource('archive', async () => {
  const place = createArchivePlace();
  return {
    liveDirectory: place.liveDirectory,
    source: () => place.open(),
    async publish(stamp, files) {
      rmSync(place.source, { recursive: true });
      writeFiles(place.source, files);
      await place.publish(stamp);
    },
    close: async () => place.close(),
  };
});

describe('archive source', () => {
  let place: ArchivePlace;
  let trail: Trail;
  beforeEach(() => {
    place = createArchivePlace();
    trail = createTestTrail();
    writeFiles(place.source, { 'web/shop/data/a': 'one', 'web/shop/data/b': 'x'.repeat(300_000) });
  });
  afterEach(() => place.close());

  const inTree = (path: string) => join(place.liveDirectory, path);

  test('an archive of the shell client is taken where that is allowed, and reported', async () => {
    const { name, files } = await place.publish(STAMP, { withRoot: true });
    const remote = async () => {
      const one = place.spool.connect();
      for (const file of files.slice(1)) await one.remove(file);
      return one;
    };
    await expect(bring(place.open({ remote }), trail)).rejects.toThrow(
      /No backup archives found.*accept_without_manifest/,
    );
    const { offered, odd } = await bring(place.open({ remote }, { acceptWithoutManifest: true }), trail);
    expect(odd).toEqual([]);
    expect(offered).toMatchObject({ label: name, bytes: place.spool.get(name)?.length });
    expect(trail.steps.filter(({ status }) => status === 'warning')).toEqual([
      expect.objectContaining({ name: 'manifest' }),
    ]);
    expect(readFileSync(inTree('web/shop/data/a'), 'utf8')).toBe('one');
    expect(readdirSync(inTree('.backup'))).toEqual(['archive', 'entries.gz']);
  });

  test('a locked client is skipped, its lock left alone', async () => {
    await place.publish(STAMP);
    place.spool.mkdir('.backup_archive_in_progress.lock', 1_000);
    const offered = await place.open().offer([], trail);
    expect(offered).toMatchObject({
      kind: 'skip',
      code: 'SKIPPED_CLIENT_LOCK',
      why: expect.stringMatching(/each of the 2 times/),
    });
    expect(place.spool.names()).toContain('.backup_archive_in_progress.lock');
  });

  describe('confirming', () => {
    test('moves archive, entry list and manifest to done, keeps the newest there, and removes what we worked with', async () => {
      const first = await place.publish('20261120_030000');
      const one = place.open();
      await one.confirm((await bring(one, trail)).offered);
      const second = await place.publish(STAMP);
      const two = place.open();
      await two.confirm((await bring(two, trail)).offered);
      expect(place.spool.names()).toEqual(['done', ...second.files.map((name) => `done/${name}`).sort()]);
      expect(place.spool.names().join()).not.toContain(first.name);
      expect(existsSync(place.workDirectory)).toBe(false);
    });

    test('that fails is a warning, and whatever moment it fails at, the next one finishes it', async () => {
      for (let step = 1; step <= 3; step++) {
        const { name, files } = await place.publish(STAMP);
        const failing = failRenames(step);
        const source = place.open({ remote: async () => failing(place.spool.connect()) });
        const { offered } = await bring(source, trail);
        expect(await source.confirm(offered)).toEqual([
          expect.stringMatching(/is stored, but it could not be moved.*disk is full/),
        ]);
        const next = place.open();
        const stored = [{ id: 'x'.repeat(64), time: NOW.toISOString(), tags: ['web1', STAMP] }];
        expect(await next.offer(stored, trail)).toMatchObject({ kind: 'skip', code: 'SKIPPED_DUPLICATE' });
        expect(await next.confirm(offered)).toEqual([]);
        expect(place.spool.names()).toEqual(['done', ...files.map((file) => `done/${file}`).sort()]);
        expect(place.spool.get(`done/${name}`)).toBeDefined();
        for (const file of place.spool.names()) await place.spool.connect().remove(file);
      }
    });
  });
});

/** Makes the renames of remotes fail from the n-th on, counted over all of them. */
function failRenames(from: number): (remote: Remote) => Remote {
  let renames = 0;
  return (remote) => ({
    ...remote,
    rename: async (name, target) => {
      renames += 1;
      if (renames >= from) throw new BackupError('failed', 'The client says: disk is full.');
      await remote.rename(name, target);
    },
  });
}
