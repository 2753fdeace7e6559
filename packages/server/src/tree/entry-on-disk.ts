// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { type BytePath, bytePathOf, bytePathOfText, bytesOf, displayPath } from '@local-backup/common/byte-path';
import type { Entry, EntryType } from '@local-backup/common/entry';

/** Comparing one entry of an entry list with what is on disk under its path. Content and time are not looked at. */

/** Where an entry lies on disk: bytes, for the functions of node:fs. */
export type Locate = (path: BytePath) => Buffer;

export function locateIn(directory: string): Locate {
  const root = bytePathOfText(`${directory}/`);
  return (path) => bytesOf((root + path) as BytePath);
}

/** What is there, links not followed; undefined where nothing is. */
export function statOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** How what is on disk differs from an entry that is no second name; undefined: it does not. */
export function differs(entry: Entry, stats: BigIntStats, inTree: Locate): string | undefined {
  const type = typeOf(stats);
  if (type !== entry.type) return `it is a ${type ?? 'socket'}, not a ${entry.type}`;
  if (entry.type === 'file' && stats.size !== BigInt(entry.size))
    return `it has ${stats.size} bytes, not ${entry.size}`;
  if (Number(stats.uid) !== entry.uid) return `its owner is ${stats.uid}, not ${entry.uid}`;
  if (Number(stats.gid) !== entry.gid) return `its group is ${stats.gid}, not ${entry.gid}`;
  if (entry.type === 'symlink') return differsInTarget(entry, inTree);
  const mode = Number(stats.mode) & 0o7777;
  return mode === entry.mode ? undefined : `its mode is ${mode.toString(8)}, not ${entry.mode.toString(8)}`;
}

function differsInTarget({ path, link }: Entry, inTree: Locate): string | undefined {
  const target = targetOf(inTree(path));
  return target === link ? undefined : `it points to ${displayPath(target)}`;
}

/** Where a symlink points to, as it stands. */
export function targetOf(path: Buffer): BytePath {
  return bytePathOf(readlinkSync(path, { encoding: 'buffer' }));
}

/** Two names of one and the same inode. */
export function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** @returns undefined for a socket, which no archive holds */
export function typeOf(stats: BigIntStats): EntryType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'character';
  return stats.isBlockDevice() ? 'block' : undefined;
}
