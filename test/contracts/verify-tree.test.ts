// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type VerifyOptions, verifyTree } from '../../packages/server/src/tree/verify-tree.ts';
import { flipByte, listedEntries } from '../helpers/listed-tree.ts';
import { forgeRepository } from '../helpers/restic-forge.ts';
import { createResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';

const LARGE_BYTES = 3 * 1024 * 1024 + 5;
/** Not the time of now, so that what somebody writes has another one. */
const THEN = 1_760_000_000.123456;

let base: string;
let tree: string;
beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'verify-tree-'));
  tree = join(base, 'tree');
  buildTree();
});
afterEach(() => fs.rmSync(base, { recursive: true }));

const at = (path: string) => join(tree, path);
const oddName = Buffer.from(`caf\xe9\n\x1b[2J*?[`, 'latin1');

function buildTree(): void {
  fs.mkdirSync(at('files/etc/deep'), { recursive: true });
  fs.mkdirSync(at('mysql/shop'), { recursive: true });
  fs.mkdirSync(at('.backup'));
  fs.writeFileSync(at('.backup/entries.gz'), 'stands beside the tree');
  fs.writeFileSync(at('files/etc/small'), 'small');
  fs.writeFileSync(at('files/etc/empty'), '');
  fs.writeFileSync(at('files/etc/set-uid'), 'x', { mode: 0o755 });
  fs.chownSync(at('files/etc/set-uid'), 1234, 5);
  fs.chmodSync(at('files/etc/set-uid'), 0o4755);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${at('files/etc/deep')}/`), oddName]), 'odd');
  fs.symlinkSync('/etc/passwd', at('files/etc/link'));
  fs.writeFileSync(at('mysql/shop/dump.sql'), Buffer.alloc(LARGE_BYTES, 'dump '));
  fs.linkSync(at('mysql/shop/dump.sql'), at('mysql/shop/second'));
  execFileSync('truncate', ['-s', '5M', at('mysql/shop/sparse')]);
  execFileSync('mkfifo', [at('mysql/shop/pipe')]);
  execFileSync('find', [tree, '-mindepth', '1', '-exec', 'touch', '-h', '-d', `@${THEN}`, '{}', '+']);
}

const listOf = () => listedEntries(tree);

async function* batches(list: readonly Entry[]) {
  yield list.slice(0, 3);
  yield list.slice(3);
}

function verify(list: readonly Entry[], options: Partial<VerifyOptions> = {}) {
  return verifyTree(tree, batches(list), { signal: new AbortController().signal, ...options });
}

test('a tree that is as listed has no differences; all of its content was read', async () => {
  const list = listOf();
  const seen: number[] = [];
  const found = await verify(list, { onProgress: ({ entries }) => seen.push(entries) });
  expect(found).toMatchObject({ differences: [], differenceCount: 0, uncompared: 0 });
  expect(found.entries).toBe(list.length);
  expect(found.files).toBe(6);
  expect(found.bytes).toBe(5 + 1 + 3 + LARGE_BYTES + 5 * 1024 * 1024);
  expect(seen).toEqual([3, list.length]);
});

const flip = (path: string, position: number) => flipByte(at(path), position);

function replace(path: string, make: () => void): void {
  fs.rmSync(at(path), { recursive: true });
  make();
  fs.utimesSync(join(at(path), '..'), THEN, THEN);
}

describe('tells', () => {
  test.each<[string, () => void, string, RegExp]>([
    [
      'one other byte in a small file',
      () => flip('files/etc/small', 4),
      'files/etc/small',
      /^its content is another one/,
    ],
    [
      'one other byte at the end of a large file',
      () => flip('mysql/shop/dump.sql', LARGE_BYTES - 1),
      'mysql/shop/dump.sql',
      /content/,
    ],
    ['one byte in a hole', () => flip('mysql/shop/sparse', 2_000_000), 'mysql/shop/sparse', /content/],
    [
      'a file that was cut',
      () => fs.truncateSync(at('mysql/shop/dump.sql'), 100_000),
      'mysql/shop/dump.sql',
      /it has 100000 bytes, not \d+; its content/,
    ],
    ['another owner', () => fs.chownSync(at('files/etc/small'), 7, 0), 'files/etc/small', /its owner is 7, not 0/],
    [
      'another mode',
      () => fs.chmodSync(at('files/etc/set-uid'), 0o755),
      'files/etc/set-uid',
      /its mode is 755, not 4755/,
    ],
    [
      'another time',
      () => fs.utimesSync(at('files/etc/empty'), 1, THEN + 1),
      'files/etc/empty',
      /its time is 2025-10-09T08:53:21/,
    ],
    ['another time of a directory', () => fs.utimesSync(at('files/etc/deep'), 1, 1), 'files/etc/deep', /its time/],
    ['something that is missing', () => replace('files/etc/empty', () => undefined), 'files/etc/empty', /^is missing$/],
    [
      'another target',
      () => replace('files/etc/link', () => fs.symlinkSync('/tmp', at('files/etc/link'))),
      'files/etc/link',
      /points to \/tmp/,
    ],
    [
      'a FIFO instead of a file',
      () => replace('files/etc/small', () => execFileSync('mkfifo', [at('files/etc/small')])),
      'files/etc/small',
      /it is a fifo, not a file/,
    ],
    [
      'a copy instead of a second name',
      () => replace('mysql/shop/second', () => fs.copyFileSync(at('mysql/shop/dump.sql'), at('mysql/shop/second'))),
      'mysql/shop/second',
      /not a second name of mysql\/shop\/dump.sql/,
    ],
  ])('%s', async (_, tamper, path, what) => {
    const list = listOf();
    tamper();
    const { differences, differenceCount } = await verify(list);
    expect(differences[0]).toEqual({ path, what: expect.stringMatching(what) });
    expect(differenceCount).toBe(differences.length);
  });

  test('what is on disk and not in the list, unless there were other things before', async () => {
    const list = listOf();
    fs.mkdirSync(at('extra\n'));
    fs.writeFileSync(at('extra\n/file'), '');
    const { differences } = await verify(list);
    expect(differences.map(({ path }) => path)).toEqual(['extra\\n', 'extra\\n/file']);
    expect(differences[0]?.what).toBe('is not in the entry list');
    expect((await verify(list, { amongOthers: true })).differenceCount).toBe(0);
  });

  test('what is beside the selected part, directories above it aside', async () => {
    const { differences } = await verify(listOf(), { select: (path) => !path.startsWith('mysql/') });
    expect(differences.map(({ path }) => path.slice(11)).sort()).toEqual(['dump.sql', 'pipe', 'second', 'sparse']);
  });

  test('a link that restic before 0.16 has changed, and why', async () => {
    fs.symlinkSync(Buffer.from('caf\xe9', 'latin1'), at('files/etc/odd'));
    const list = listOf().filter(({ path }) => path === 'files/etc/odd');
    replace('files/etc/odd', () => fs.symlinkSync('caf\ufffd', at('files/etc/odd')));
    const { differences } = await verify(list, { amongOthers: true });
    expect(differences[0]?.what).toMatch(/^it points to caf\ufffd: restic before 0\.16 cannot keep/);
  });

  test('odd names in a way that can be shown', async () => {
    const list = listOf();
    fs.writeFileSync(Buffer.concat([Buffer.from(`${at('files/etc/deep')}/`), oddName]), 'even');
    const [directory] = (await verify(list)).differences;
    expect(directory?.path).toBe('files/etc/deep/caf\\xe9\\n\\x1b[2J*?[');
  });

  test('at most a hundred by name, and how many there are', async () => {
    const list = listOf();
    const missing = Array.from({ length: 150 }, (_, n) => ({ ...(list[0] as Entry), path: bytePathOfText(`m${n}`) }));
    const found = await verify([...list, ...missing]);
    expect([found.differences.length, found.differenceCount]).toEqual([100, 150]);
  });
});

describe('a hostile tree', () => {
  test('a link where the list has a directory leads nowhere: what is behind it is missing', async () => {
    const list = listOf();
    const outside = join(base, 'outside');
    fs.renameSync(at('files/etc'), outside);
    fs.symlinkSync(outside, at('files/etc'));
    const { differences } = await verify(list, { select: (path) => path.startsWith('files/'), amongOthers: true });
    expect(differences.map(({ path, what }) => `${path} ${what}`)).toContain(
      'files/etc/small is missing: files/etc is no directory',
    );
    expect(differences).toHaveLength(7);
  });

  test.each(['../outside', '/etc/passwd', 'files/../../outside', 'files//etc', 'files/./etc', 'files/etc/'])(
    'the path %s of a list is not looked at',
    async (path) => {
      fs.writeFileSync(join(base, 'outside'), '');
      const entry = { ...(listOf()[0] as Entry), path: bytePathOfText(path) };
      const { differences } = await verify([...listOf(), entry]);
      expect(differences).toEqual([{ path, what: 'is no path within the tree' }]);
    },
  );

  test('a second name that points out of the tree is not followed', async () => {
    fs.linkSync(at('files/etc/small'), join(base, 'outside'));
    const list = listOf().map((entry) =>
      entry.type === 'hardlink' ? { ...entry, link: bytePathOfText('../outside') } : entry,
    );
    expect((await verify(list)).differences).toEqual([
      { path: 'mysql/shop/second', what: 'it is not a second name of ../outside' },
    ]);
  });
});

test('of a part of the tree only that is compared, and what cannot be is told', async () => {
  const list = listOf();
  fs.rmSync(at('files'), { recursive: true });
  const inShop = await verify(list, { select: (path) => path.startsWith('mysql/shop/') });
  expect(inShop).toMatchObject({ entries: 4, files: 2, differenceCount: 0, uncompared: 0 });
  const second = await verify(list, { select: (path) => path === 'mysql/shop/second', amongOthers: true });
  expect(second).toMatchObject({ entries: 1, files: 0, differenceCount: 0, uncompared: 1 });
});

test('ends when it is told to', async () => {
  const controller = new AbortController();
  const verifying = verify(listOf(), {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('over')),
  });
  await expect(verifying).rejects.toThrow('over');
});

test.each(RESTIC_SERIES)('what restic %s restores is what was saved, its known losses aside', async (series) => {
  fs.linkSync(at('files/etc/link'), at('files/etc/link2'));
  execFileSync('touch', ['-d', '1969-01-01 00:00:00.123456789', at('files/etc/small')]);
  execFileSync('touch', ['-d', '2500-01-01', at('files/etc/empty')]);
  fs.chmodSync(at('files/etc/deep'), 0);
  const list = listOf();
  const lab = await createResticLab(series);
  try {
    const store = lab.store('web1');
    const { signal } = new AbortController();
    await forgeRepository(lab, 'web1');
    const { snapshot = '' } = await store.save({ directory: tree, stamp: '20261121_030000', dryRun: false }, signal);
    const target = join(base, 'restored');
    await lab.restore('web1', snapshot, target);
    expect(await verifyTree(target, batches(list), { signal })).toMatchObject({ differences: [], files: 6 });
  } finally {
    lab.remove();
  }
});
