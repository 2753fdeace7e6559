// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { BytePath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { readTree, type TreeEntry } from './file-tree.ts';

/** The tree as its entry list has it. */
export function listedEntries(tree: string): Entry[] {
  return readTree(tree)
    .filter(({ path }) => path !== '.backup' && !path.startsWith('.backup/'))
    .map(entryOf);
}

function entryOf({ path, type, size, sha256, target, sameAs, ...facts }: TreeEntry): Entry {
  const entry = { ...facts, path: path as BytePath, size: 0 };
  if (sameAs !== undefined) return { ...entry, type: 'hardlink', link: sameAs as BytePath };
  if (type === 'symlink') return { ...entry, type, link: target as BytePath };
  if (type === 'file') return { ...entry, type, size: size ?? 0, sha256: sha256 ?? '' };
  return { ...entry, type: type === 'directory' ? 'directory' : 'fifo' };
}

/** Changes one byte and puts everything else back, as failing hardware does. */
export function flipByte(file: string, position: number): void {
  const { mtimeNs } = fs.lstatSync(file, { bigint: true });
  const open = fs.openSync(file, 'r+');
  fs.writeSync(open, Buffer.from('\x07'), 0, 1, position);
  fs.closeSync(open);
  execFileSync('touch', [
    '-d',
    `@${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, '0')}`,
    file,
  ]);
}
