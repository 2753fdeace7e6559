// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { type BytePath, bytePathOf, bytePathOfText } from '@local-backup/common/byte-path';
import type { Locate } from './entry-on-disk.ts';
import { PROOF_DIRECTORY } from './proof-directory.ts';

/** The path that stands for the top of a tree in its entry list. */
export const ROOT: BytePath = bytePathOfText('.');

const PROOF = bytePathOfText(PROOF_DIRECTORY);

/** The paths of everything in a tree except the proof and the top itself; links are not followed. */
export async function* pathsIn(inTree: Locate): AsyncGenerator<BytePath, void, void> {
  const waiting: BytePath[] = [ROOT];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const { path, isDirectory } of await childrenOf(directory, inTree)) {
      if (path === PROOF) continue;
      yield path;
      if (isDirectory) waiting.push(path);
    }
  }
}

async function childrenOf(directory: BytePath, inTree: Locate) {
  const children = await readdir(inTree(directory), { withFileTypes: true, encoding: 'buffer' });
  return children.map((child) => {
    const name = bytePathOf(child.name);
    const path = directory === ROOT ? name : (`${directory}/${name}` as BytePath);
    return { path, isDirectory: child.isDirectory() };
  });
}
