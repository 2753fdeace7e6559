// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Remote } from '../../packages/server/src/remotes/remote.ts';
import type { Trail } from '../../packages/server/src/report/trail.ts';
import type { Source } from '../../packages/server/src/sources/source.ts';
import {
  type ArchivePlace,
  bring,
  counting,
  createArchivePlace,
  createTestTrail,
  STAMP,
  takeOffer,
  writeFiles,
} from '../helpers/archive-place.ts';

describe('archive source, when things go wrong', () => {
  let place: ArchivePlace;
  let trail: Trail;
  beforeEach(() => {
    place = createArchivePlace();
    trail = createTestTrail();
    writeFiles(place.source, { 'web/shop/data/a': 'one', 'web/shop/data/b': 'x'.repeat(300_000) });
  });
  afterEach(() => place.close());

  const inTree = (path: string) => join(place.liveDirectory, path);

  describe('a connection that is lost', () => {
    test('in the middle of a fetch is made again, and the fetch goes on', async () => {
      writeFiles(place.source, { 'web/big': noise(500_000) });
      await place.publish(STAMP);
      const source = place.open();
      const offered = await takeOffer(source, trail);
      place.spool.cutAfter(200_000);
      const odd = await source.bring(offered, trail);
      expect(odd).toEqual([expect.stringMatching(/connection was lost while fetching web1-20261121_030000.tar.gz/)]);
      expect(readFileSync(inTree('web/big'))).toEqual(readFileSync(join(place.source, 'web/big')));
    });

    test('for good leaves a part that the next run goes on with', async () => {
      writeFiles(place.source, { 'web/big': noise(500_000) });
      const { manifest } = await place.publish(STAMP);
      let connections = 0;
      const remote = async () => {
        connections += 1;
        const one = place.spool.connect();
        return connections === 1 ? one : { ...one, fetch: () => Promise.reject(lost()) };
      };
      const first = place.open({ remote });
      const offered = await takeOffer(first, trail);
      place.spool.cutAfter(300_000);
      await expect(first.bring(offered, trail)).rejects.toThrow(/in 4 attempts.*kept.*cable was cut/s);
      await first.close();
      expect(connections).toBe(4);
      const fetched: number[] = [];
      await bring(place.open({ remote: async () => counting(place.spool.connect(), fetched) }), trail);
      const total = fetched.reduce((sum, bytes) => sum + bytes, 0);
      expect(total).toBeGreaterThan(0);
      expect(total).toBeLessThan(manifest.bytes - 200_000);
    });

    test('while the store was at work does not keep the host from being told', async () => {
      await place.publish(STAMP);
      let current: Remote | undefined;
      const source = place.open({ remote: async () => (current = place.spool.connect()) });
      const { offered } = await bring(source, trail);
      await current?.close();
      expect(await source.confirm(offered)).toEqual([]);
      expect(place.spool.names()).toContain(`done/${offered.label}`);
    });
  });

  test('an archive that was fetched and not stored is not fetched again', async () => {
    const { manifest } = await place.publish(STAMP);
    await bring(place.open(), trail);
    const fetched: number[] = [];
    await bring(place.open({ remote: async () => counting(place.spool.connect(), fetched) }), trail);
    expect(fetched).toEqual([]);
    const work = readdirSync(place.workDirectory).find((name) => name.includes(manifest.sha256.slice(0, 16)));
    writeFileSync(join(place.workDirectory, work as string), 'damaged on our disk');
    await bring(place.open({ remote: async () => counting(place.spool.connect(), fetched) }), trail);
    expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBe(manifest.bytes);
  });

  test('an entry list of yesterday that cannot be read costs a full read of the tree, not the backup', async () => {
    await place.publish('20261120_030000');
    await bring(place.open(), trail);
    writeFileSync(inTree('.backup/entries.gz'), 'damaged on our disk');
    await place.publish(STAMP);
    const source = place.open();
    const stored = [{ id: 'a', time: '2026-11-20T04:00:00.000Z', tags: ['20261120_030000'] }];
    const offered = await source.offer(stored, trail);
    if (offered.kind !== 'new') throw new Error(offered.why);
    await source.bring(offered, trail);
    expect(source.hasUnseenChanges()).toBe(true);
  });

  test('a work directory that somebody else has made is not used', async () => {
    mkdirSync(place.workDirectory, { recursive: true });
    chownSync(place.workDirectory, 1234, 1234);
    await place.publish(STAMP);
    await expect(bring(place.open(), trail)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(/not a directory of ours/),
    });
  });

  test('what earlier runs left of other archives is removed; other files are not', async () => {
    mkdirSync(place.workDirectory, { recursive: true });
    const left = join(place.workDirectory, 'web1-20261101_030000.tar.gz.0123456789abcdef.partial');
    const foreign = join(place.workDirectory, 'notes.txt');
    writeFileSync(left, 'x');
    writeFileSync(foreign, 'x');
    await place.publish(STAMP);
    await bring(place.open(), trail);
    expect([existsSync(left), existsSync(foreign)]).toEqual([false, true]);
  });

  describe('refuses and leaves the live tree as it is:', () => {
    beforeEach(async () => {
      writeFiles(place.liveDirectory, { 'of/yesterday': 'kept' });
    });
    const refused = async (source: Source, message: RegExp) => {
      await expect(bring(source, trail)).rejects.toMatchObject({
        name: 'BackupError',
        message: expect.stringMatching(message),
      });
      expect(readFileSync(inTree('of/yesterday'), 'utf8')).toBe('kept');
    };

    test('an archive that was damaged on the way', async () => {
      const { name } = await place.publish(STAMP);
      const bytes = Buffer.from(place.spool.get(name) ?? '');
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      place.spool.put(name, bytes);
      await refused(place.open(), /is not what the client wrote/);
      expect(existsSync(place.workDirectory)).toBe(false);
    });

    test('an archive that was cut off', async () => {
      const { name } = await place.publish(STAMP);
      place.spool.put(name, (place.spool.get(name) ?? Buffer.alloc(0)).subarray(0, 300));
      await refused(place.open(), /bytes is \d+, found 300/);
    });

    test('an entry list of another archive, with a manifest that fits it', async () => {
      const other = await place.publish('20261120_030000');
      writeFiles(place.source, { 'web/shop/data/a': 'two' });
      const { name, manifest } = await place.publish(STAMP);
      const entryList = { ...other.manifest.entryList, name: manifest.entryList.name };
      place.spool.put(entryList.name, place.spool.get(other.manifest.entryList.name) ?? '');
      place.spool.put(`${name}.json`, JSON.stringify({ ...manifest, entryList }));
      await refused(place.open(), /do not fit together/);
      expect(existsSync(place.workDirectory)).toBe(false);
    });

    test('a manifest with other totals', async () => {
      const { name, manifest } = await place.publish(STAMP);
      const totals = { ...manifest.totals, files: manifest.totals.files + 1 };
      place.spool.put(`${name}.json`, JSON.stringify({ ...manifest, totals }));
      await refused(place.open(), /2 files instead of 3/);
    });

    test('an archive beyond what the host may send, before it is fetched', async () => {
      await place.publish(STAMP);
      const fetched: number[] = [];
      const remote = async () => counting(place.spool.connect(), fetched);
      await refused(place.open({ remote }, { maxArchiveBytes: 100 }), /raise max_archive_size/);
      await refused(place.open({ remote }, { maxUnpackedBytes: 1000 }), /raise max_unpacked_size/);
      await refused(place.open({ remote }, { maxEntries: 2 }), /raise max_entries/);
      expect(fetched).toEqual([]);
    });

    test('a delta, asking for a full archive', async () => {
      await place.publish(STAMP, { manifest: { kind: 'delta', base: 'web1-20261120_030000.tar.gz' } });
      await refused(place.open(), /is a delta.*The client was asked for a full archive/);
      expect(place.spool.names()).toContain('want-full');
    });
  });

  test('a full disk is noticed before anything is fetched', async () => {
    const tiny = place.workDirectory;
    mkdirSync(tiny, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', tiny]);
    try {
      await place.publish(STAMP);
      await expect(bring(place.open(), trail)).rejects.toThrow(
        /Not enough space in .* to fetch web1-20261121_030000.tar.gz: 64.* are needed, 1 MiB are free/,
      );
    } finally {
      execFileSync('umount', [tiny]);
    }
  });

  test.each(['fetch', 'judge', 'unpack', 'check live tree'])(
    'a run that is ended during "%s" can be repeated',
    async (step) => {
      await place.publish(STAMP);
      const controller = new AbortController();
      const source = place.open({ signal: controller.signal });
      const offered = await takeOffer(source, trail);
      const ending: Trail = {
        ...trail,
        step: (name, work) => {
          if (name === step) controller.abort(new Error('ended'));
          return trail.step(name, work);
        },
      };
      await expect(source.bring(offered, ending)).rejects.toThrow('ended');
      expect(trail.steps.at(-1)).toMatchObject({ name: step, status: 'failed' });
      await bring(place.open(), trail);
      expect(readFileSync(inTree('web/shop/data/a'), 'utf8')).toBe('one');
    },
  );
});

function lost(): Error {
  return new BackupError('failed', 'The cable was cut.');
}

/** Bytes that do not compress, the same each time. */
function noise(bytes: number): string {
  let state = 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % 64;
  };
  return Array.from({ length: bytes }, () => String.fromCharCode(48 + next())).join('');
}
