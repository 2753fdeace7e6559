// SPDX-License-Identifier: AGPL-3.0-or-later
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry, EntryType } from '@local-backup/common/entry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkLiveTree } from './live-tree-check.ts';

const { signal } = new AbortController();
let tree: string;
beforeEach(() => {
  tree = fs.mkdtempSync(join(tmpdir(), 'live-tree-check-'));
  fs.mkdirSync(at('.backup'));
  fs.writeFileSync(at('.backup/entries.gz'), 'not in the list');
  fs.mkdirSync(at('d'));
  fs.writeFileSync(at('d/file'), 'four');
  fs.linkSync(at('d/file'), at('d/second'));
  fs.symlinkSync('/etc', at('d/link'));
});
afterEach(() => fs.rmSync(tree, { recursive: true }));

function at(path: string): string {
  return join(tree, path);
}

/** The entry that stands for what is on disk now. */
function entryOf(path: string, type: EntryType, link?: string): Entry {
  const { mode, uid, gid, size, mtimeNs } = fs.lstatSync(at(path), { bigint: true });
  const facts = { mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid), mtimeNs };
  const entry = { path: bytePathOfText(path), type, ...facts, size: type === 'file' ? Number(size) : 0 };
  return link === undefined ? entry : { ...entry, link: bytePathOfText(link) };
}

function entries(): Entry[] {
  return [
    entryOf('d', 'directory'),
    entryOf('d/file', 'file'),
    entryOf('d/link', 'symlink', '/etc'),
    entryOf('d/second', 'hardlink', 'd/file'),
  ];
}

function check(list: readonly Entry[]) {
  return checkLiveTree(
    tree,
    (async function* () {
      yield list;
    })(),
    signal,
  );
}

test('a tree that is as listed passes, the proof beside it not counted', async () => {
  expect(await check(entries())).toEqual({ warnings: [], hasRoot: false });
  expect(await check([entryOf('.', 'directory'), ...entries()])).toEqual({ warnings: [], hasRoot: true });
});

describe('refuses', () => {
  test.each<[string, () => void, RegExp]>([
    ['something too many', () => fs.writeFileSync(at('extra'), ''), /5 entries are on disk, 4 are in the entry list/],
    ['something hidden too many', () => fs.mkdirSync(at('d/.hidden')), /5 entries/],
    ['something missing', () => fs.rmSync(at('d/link')), /d\/link is missing/],
    ['another size', () => fs.writeFileSync(at('d/file'), 'three'), /d\/file: it has 5 bytes, not 4/],
    ['another mode', () => fs.chmodSync(at('d/file'), 0o4755), /d\/file: its mode is 4755/],
    ['another owner', () => fs.chownSync(at('d/file'), 1234, 0), /d\/file: its owner is 1234/],
    ['another group', () => fs.chownSync(at('d/file'), 0, 1234), /d\/file: its group is 1234/],
    ['another target', () => replace('d/link', () => fs.symlinkSync('/tmp', at('d/link'))), /it points to \/tmp/],
    ['another type', () => replace('d/link', () => fs.mkdirSync(at('d/link'))), /it is a directory, not a symlink/],
    [
      'a copy instead of a second name',
      () => replace('d/second', () => fs.writeFileSync(at('d/second'), 'four')),
      /second name/,
    ],
  ])('%s', async (_, tamper, message) => {
    const list = entries();
    tamper();
    await expect(check(list)).rejects.toMatchObject({ code: 'failed', message: expect.stringMatching(message) });
  });
});

function replace(path: string, create: () => void): void {
  fs.rmSync(at(path));
  create();
}

test('a time that was not kept is a warning that names the entry', async () => {
  const list = entries();
  fs.utimesSync(at('d/file'), 1, 1);
  const { warnings } = await check(list);
  expect(warnings).toEqual([expect.stringMatching(/modification time of d\/file, d\/second\.$/)]);
});
