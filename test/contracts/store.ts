// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Saved, Store } from '../../packages/server/src/stores/store.ts';
import { readTree } from '../helpers/file-tree.ts';

/** What a store under test has to offer; one per host name, each with a place of its own. */
export interface StoreHarness {
  /** A new object for what belongs to this host, as a new run of the program would make it. */
  readonly store: (host: string) => Store;
  /** Puts a whole snapshot of the host, by its whole id, into an empty directory. */
  readonly restore: (host: string, snapshot: string, target: string) => Promise<void>;
  /** Makes the host's password wrong until the returned function is called. */
  readonly breakPassword: (host: string) => () => void;
  /** Holds the host's store as a maintenance command does until the returned function is called. */
  readonly lock: (host: string) => Promise<() => Promise<void>>;
  /** Puts another initialised store in the place of the host's until the returned function is called. */
  readonly swap: (host: string) => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
}

const never = new AbortController().signal;
const FIRST = '20260101_010000';
const SECOND = '20260102_010000';
const THIRD = '20260103_010000';

/** The tests that every store must pass. They run in order: one history of one host. */
export function describeStore(name: string, open: () => Promise<StoreHarness>): void {
  describe(name, () => {
    let harness: StoreHarness;
    let store: Store;
    let work: string;
    let live: string;
    const newTarget = (): string => mkdtempSync(join(work, 'target-'));
    const save = (stamp: string, more: { dryRun?: boolean; readAll?: boolean } = {}): Promise<Saved> => {
      return store.save({ directory: live, stamp, dryRun: false, ...more }, never);
    };

    beforeAll(async () => {
      work = mkdtempSync(join(tmpdir(), 'store-contract-'));
      live = join(work, 'live/web1');
      harness = await open();
      store = harness.store('web1');
      fillTree(live);
    });
    afterAll(async () => {
      await harness.close();
      rmSync(work, { recursive: true, force: true });
    });

    test('what is not initialised is refused by every verb but init, and not created on the way', async () => {
      for (let round = 0; round < 2; round += 1) {
        await expect(store.check(never)).rejects.toThrow(/backup-server init web1/);
        await expect(store.snapshots(never)).rejects.toThrow(/backup-server init web1/);
        await expect(save(FIRST)).rejects.toMatchObject({ code: 'failed' });
      }
    });

    test('init creates once and then finds the same again', async () => {
      const first = await store.init(never);
      expect(first.created).toBe(true);
      expect(await harness.store('web1').init(never)).toEqual({ created: false, id: first.id });
      await store.check(never);
      expect(await store.snapshots(never)).toEqual([]);
    });

    test('a dry run tells what would be added and stores nothing', async () => {
      const saved = await save(FIRST, { dryRun: true });
      expect(saved).toMatchObject({ snapshot: undefined, filesNew: 5, filesUnmodified: 0, unreadable: [] });
      expect(saved.bytesAdded).toBeGreaterThan(1_000_000);
      expect(await store.snapshots(never)).toEqual([]);
    });

    test('save stores the tree as a snapshot with host and stamp as tags', async () => {
      const before = Date.now();
      const saved = await save(FIRST);
      expect(saved).toMatchObject({ filesNew: 5, filesChanged: 0, filesUnmodified: 0, unreadable: [] });
      expect(saved.bytesProcessed).toBe(treeBytes(live));
      const [snapshot, ...others] = await harness.store('web1').snapshots(never);
      expect(others).toEqual([]);
      expect(snapshot?.id).toBe(saved.snapshot);
      expect([...(snapshot?.tags ?? [])].sort()).toEqual([FIRST, 'web1']);
      expect(Date.parse(snapshot?.time ?? '')).toBeGreaterThanOrEqual(before - 1);
    });

    test('the same stamp again gives the same snapshot, though every inode is another one', async () => {
      const [existing] = await store.snapshots(never);
      unpackAgain(live);
      const saved = await harness.store('web1').save({ directory: live, stamp: FIRST, dryRun: false }, never);
      expect(saved).toMatchObject({ snapshot: existing?.id, filesNew: 0, filesUnmodified: 5, bytesAdded: 0 });
      expect(await store.snapshots(never)).toHaveLength(1);
    });

    test('a changed tree adds only what changed', async () => {
      unpackAgain(live);
      writeFileSync(join(live, 'files/etc/hosts'), '127.0.0.1 localhost changed\n');
      writeFileSync(join(live, 'files/etc/new'), 'new\n');
      const saved = await save(SECOND);
      expect(saved).toMatchObject({ filesNew: 1, filesChanged: 1, filesUnmodified: 4 });
      expect(saved.bytesAdded).toBeLessThan(100_000);
      const stamps = (await store.snapshots(never)).map(({ tags }) => tags.find((tag) => tag !== 'web1'));
      expect(stamps).toEqual([FIRST, SECOND]);
    });

    test('an interrupted save is no save, and the next one works', async () => {
      const stop = new AbortController();
      stop.abort(new Error('stopped by the test'));
      await expect(store.save({ directory: live, stamp: THIRD, dryRun: false }, stop.signal)).rejects.toThrow();
      expect(await store.snapshots(never)).toHaveLength(2);
    });

    test('every byte of the newest and of an older snapshot comes back', async () => {
      const [first, second] = await store.snapshots(never);
      const newest = newTarget();
      await harness.restore('web1', second?.id ?? '', newest);
      expect(readTree(newest)).toEqual(readTree(live));
      const older = newTarget();
      await harness.restore('web1', first?.id ?? '', older);
      const unchanged = (root: string) =>
        readTree(root).filter(({ path }) => !/^files\/etc(\/new|\/hosts)?$/.test(path));
      expect(unchanged(older)).toEqual(unchanged(live));
      expect(readFileSync(join(older, 'files/etc/hosts'), 'utf8')).toBe('127.0.0.1 localhost\n');
      expect(existsSync(join(older, 'files/etc/new'))).toBe(false);
    });

    test('with readAll a content that changed behind the same size and mtime is stored', async () => {
      const file = join(live, 'files/etc/hosts');
      const time = new Date('2026-01-01T00:00:00Z');
      writeFileSync(file, 'content A');
      utimesSync(file, time, time);
      await save(THIRD);
      writeFileSync(file, 'content B');
      utimesSync(file, time, time);
      const saved = await save('20260104_010000', { readAll: true });
      const target = newTarget();
      await harness.restore('web1', saved.snapshot ?? '', target);
      expect(readTree(target)).toEqual(readTree(live));
    });

    test('another host sees nothing of it', async () => {
      const other = harness.store('db1');
      await other.init(never);
      expect(await other.snapshots(never)).toEqual([]);
    });

    test('a wrong password is told as such and nothing is stored', async () => {
      const mend = harness.breakPassword('web1');
      await expect(harness.store('web1').check(never)).rejects.toThrow(/password/);
      await expect(harness.store('web1').save(request(live), never)).rejects.toMatchObject({ code: 'failed' });
      await expect(harness.store('web1').init(never)).rejects.toMatchObject({ code: 'failed' });
      mend();
      await store.check(never);
    });

    test('a store that maintenance has locked is told as locked, and works afterwards', async () => {
      const count = (await store.snapshots(never)).length;
      const release = await harness.lock('web1');
      await expect(store.check(never)).rejects.toMatchObject({ code: 'locked' });
      await expect(store.save(request(live), never)).rejects.toMatchObject({ code: 'locked' });
      expect(await store.snapshots(never)).toHaveLength(count);
      await release();
      await store.check(never);
    });

    test('another store in its place is refused, by init too', async () => {
      const putBack = await harness.swap('web1');
      await expect(store.check(never)).rejects.toThrow(/not the one/);
      await expect(store.save(request(live), never)).rejects.toThrow(/not the one/);
      await expect(store.init(never)).rejects.toThrow(/not the one/);
      await putBack();
      await store.check(never);
    });
  });
}

function request(directory: string) {
  return { directory, stamp: '20260109_010000', dryRun: false };
}

/** Five files and what is hard about names and types. */
function fillTree(root: string): void {
  mkdirSync(join(root, 'files/etc/empty'), { recursive: true });
  mkdirSync(join(root, '.backup'));
  writeFileSync(join(root, '.backup/entries.gz'), Buffer.from([0x1f, 0x8b, 0, 255]));
  writeFileSync(join(root, 'files/etc/hosts'), '127.0.0.1 localhost\n', { mode: 0o640 });
  writeFileSync(join(root, 'files/etc/random'), randomBytes(1_500_000));
  linkSync(join(root, 'files/etc/random'), join(root, 'files/etc/random-too'));
  symlinkSync('hosts', join(root, 'files/etc/link'));
  symlinkSync('/nowhere at all', join(root, 'files/etc/dangling'));
  writeFileSync(Buffer.from(`${root}/files/not-utf8-\xff\xfe\n name`, 'latin1'), 'odd name\n');
  utimesSync(join(root, 'files/etc/hosts'), 1, 981173106.123);
  utimesSync(join(root, 'files/etc/empty'), 1, 981173106);
}

function treeBytes(root: string): number {
  return readTree(root).reduce((sum, { size = 0 }) => sum + size, 0);
}

/** Bytes that no compression makes smaller, the same in every run. */
function randomBytes(length: number): Buffer {
  let state = 42;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
}

/** The same tree with other inodes and change times, as after unpacking an archive. */
function unpackAgain(root: string): void {
  const old = `${root}.old`;
  renameSync(root, old);
  execFileSync('cp', ['--archive', old, root]);
  rmSync(old, { recursive: true });
}
