// SPDX-License-Identifier: AGPL-3.0-or-later
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dangersOf } from './place-dangers.ts';

let base: string;
beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'place-dangers-'));
});
afterEach(() => fs.rmSync(base, { recursive: true }));

function directory(name: string, mode: number, [uid, gid] = [0, 0]): string {
  const path = join(base, name);
  fs.mkdirSync(path);
  fs.chownSync(path, uid, gid);
  fs.chmodSync(path, mode);
  return path;
}

test('a directory of root is safe, also one that is missing still, and below a sticky one', () => {
  expect(dangersOf(base)).toEqual([]);
  expect(dangersOf(join(base, 'none/yet'))).toEqual([]);
  expect(dangersOf(join(directory('group', 0o770), 'none'))).toEqual([]);
  directory('sticky', 0o1777);
  expect(dangersOf(join(base, 'sticky/none'))).toEqual([]);
});

test.each<[string, string, number, [number, number]]>([
  ['that belongs to somebody', 'home', 0o700, [1234, 1234]],
  ['that a group can write to', 'shared', 0o770, [0, 1234]],
  ['that all can write to', 'open', 0o777, [0, 0]],
])('one %s, or below it, is not', (_, name, mode, owner) => {
  const path = directory(name, mode, owner);
  for (const target of [path, join(path, 'none/yet')]) {
    expect(dangersOf(target)).toEqual([expect.stringContaining(`Others can write to ${path}: `)]);
  }
});

test('a sticky directory itself is not, and a link is seen through', () => {
  const path = directory('sticky', 0o1777);
  fs.symlinkSync(path, join(base, 'link'));
  expect(dangersOf(join(base, 'link'))).toEqual([expect.stringContaining(`Others can write to ${path}: `)]);
});

test('one that others can enter is told for what is set-uid', () => {
  const path = directory('entered', 0o755);
  expect(dangersOf(path)).toEqual([]);
  fs.chmodSync(base, 0o755);
  expect(dangersOf(path)).toEqual([expect.stringMatching(/^Others can enter .*set-uid.*chmod 0700 /)]);
  expect(dangersOf(join(path, 'none'))).toEqual([]);
});
