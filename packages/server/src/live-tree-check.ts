// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { type BytePath, bytePathOf, bytePathOfText, bytesOf, displayPath } from '@local-backup/common/byte-path';
import type { Entry, EntryType } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import { PROOF_DIRECTORY } from './proof-directory.ts';

export interface CheckedTree {
  /** Differences that do not make the tree worthless. */
  readonly warnings: readonly string[];
  /** The list has an entry for the tree's root, so its owner, mode and time came with the archive. */
  readonly hasRoot: boolean;
}

const ROOT: BytePath = bytePathOfText('.');

/** Paths named in a warning. */
const PATHS_SHOWN = 3;

/**
 * Compares a live tree with its entry list: every entry is there with its type, size, owner, mode, time and link target,
 * and nothing else is. Content is not read: it was hashed on its way from the archive that was unpacked.
 *
 * A time that could not be kept is a warning only: there are times that a file system cannot hold, and one file with
 * such a time must not keep a host from being backed up.
 *
 * @throws BackupError `failed` with the first thing that differs
 */
export async function checkLiveTree(
  directory: string,
  list: AsyncIterable<readonly Entry[]>,
  signal: AbortSignal,
): Promise<CheckedTree> {
  const inTree = locate(directory);
  const wrongTimes: BytePath[] = [];
  let wrongTimeCount = 0;
  let entries = 0;
  let hasRoot = false;
  for await (const batch of list) {
    signal.throwIfAborted();
    for (const entry of batch) {
      const stats = requireEntry(entry, inTree);
      entries += 1;
      hasRoot ||= entry.path === ROOT;
      if (stats.mtimeNs === entry.mtimeNs) continue;
      wrongTimeCount += 1;
      if (wrongTimes.length < PATHS_SHOWN) wrongTimes.push(entry.path);
    }
  }
  const found = (await countEntries(inTree)) + (hasRoot ? 1 : 0);
  if (found !== entries) refuse(`${found} entries are on disk, ${entries} are in the entry list`);
  return { warnings: describeWrongTimes(wrongTimes, wrongTimeCount), hasRoot };
}

type Locate = (path: BytePath) => Buffer;

function locate(directory: string): Locate {
  const root = bytePathOfText(`${directory}/`);
  return (path) => bytesOf((root + path) as BytePath);
}

function requireEntry(entry: Entry, inTree: Locate): BigIntStats {
  const stats = lstatSync(inTree(entry.path), { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return refuse(`${displayPath(entry.path)} is missing`);
  const difference =
    entry.type === 'hardlink' ? differsFromTarget(entry, stats, inTree) : differs(entry, stats, inTree);
  return difference === undefined ? stats : refuse(`${displayPath(entry.path)}: ${difference}`);
}

function differs(entry: Entry, stats: BigIntStats, inTree: Locate): string | undefined {
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
  const target = bytePathOf(readlinkSync(inTree(path), { encoding: 'buffer' }));
  return target === link ? undefined : `it points to ${displayPath(target)}`;
}

/** A second name is the same inode; everything else was compared under the first. */
function differsFromTarget({ link }: Entry, stats: BigIntStats, inTree: Locate): string | undefined {
  const target = link === undefined ? undefined : lstatSync(inTree(link), { bigint: true, throwIfNoEntry: false });
  if (target !== undefined && target.ino === stats.ino && target.dev === stats.dev) return undefined;
  return `it is not a second name of ${displayPath(link ?? ROOT)}`;
}

function typeOf(stats: BigIntStats): EntryType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'character';
  return stats.isBlockDevice() ? 'block' : undefined;
}

/** Everything in the tree except the proof and the root; links are not followed. */
async function countEntries(inTree: Locate): Promise<number> {
  let count = 0;
  const waiting: BytePath[] = [ROOT];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const child of await readdir(inTree(directory), { withFileTypes: true, encoding: 'buffer' })) {
      const name = bytePathOf(child.name);
      if (directory === ROOT && name === PROOF_DIRECTORY) continue;
      count += 1;
      if (child.isDirectory()) waiting.push(`${directory}/${name}` as BytePath);
    }
  }
  return count;
}

function describeWrongTimes(paths: readonly BytePath[], count: number): string[] {
  if (count === 0) return [];
  const shown = paths.map(displayPath).join(', ');
  const rest = count > paths.length ? ` and ${count - paths.length} more` : '';
  return [`The server's file system did not keep the modification time of ${shown}${rest}.`];
}

function refuse(difference: string): never {
  throw new BackupError(
    'failed',
    `The unpacked live tree does not fit the entry list: ${difference}. Nothing was stored.`,
  );
}
