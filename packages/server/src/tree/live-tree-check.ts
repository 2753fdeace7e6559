// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BigIntStats } from 'node:fs';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import { differs, isSameFile, type Locate, locateIn, statOf } from './entry-on-disk.ts';
import { pathsIn, ROOT } from './tree-walk.ts';

export interface CheckedTree {
  /** Differences that do not make the tree worthless. */
  readonly warnings: readonly string[];
  /** The list has an entry for the tree's root, so its owner, mode and time came with the archive. */
  readonly hasRoot: boolean;
}

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
  const inTree = locateIn(directory);
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

function requireEntry(entry: Entry, inTree: Locate): BigIntStats {
  const stats = statOf(inTree(entry.path));
  if (stats === undefined) return refuse(`${displayPath(entry.path)} is missing`);
  const difference =
    entry.type === 'hardlink' ? differsFromTarget(entry, stats, inTree) : differs(entry, stats, inTree);
  return difference === undefined ? stats : refuse(`${displayPath(entry.path)}: ${difference}`);
}

/** A second name is the same inode; everything else was compared under the first. */
function differsFromTarget({ link }: Entry, stats: BigIntStats, inTree: Locate): string | undefined {
  const target = link === undefined ? undefined : statOf(inTree(link));
  if (target !== undefined && isSameFile(target, stats)) return undefined;
  return `it is not a second name of ${displayPath(link ?? ROOT)}`;
}

async function countEntries(inTree: Locate): Promise<number> {
  let count = 0;
  for await (const _ of pathsIn(inTree)) count += 1;
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
