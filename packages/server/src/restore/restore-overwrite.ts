// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BigIntStats } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { type BytePath, displayPath, showControls } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import { type Locate, locateIn, statOf } from '../tree/entry-on-disk.ts';
import { ROOT } from '../tree/tree-walk.ts';

/** What a restore over existing files has to do before it. */
export interface OverwritePlan {
  /** Links, second names and the like: they have to make room, or the restore would write through them. */
  readonly inTheWay: readonly BytePath[];
  /** Bytes on the disk of the files that are overwritten. */
  readonly reused: number;
}

/** Obstacles that are named. */
const OBSTACLES_NAMED = 10;

/**
 * Looks at what a restore will meet in a directory that is not empty. restic 0.14 writes through symbolic links and into
 * second names of files, which lie elsewhere: nothing of that kind may be in its way. Changes nothing.
 *
 * @param entries what will be restored
 * @throws BackupError `untrusted` for a path that leads out of the tree; `usage` naming directories where the snapshot has
 *   none, and everything else where it has directories
 */
export async function planOverwrite(
  target: string,
  entries: AsyncIterable<readonly Entry[]>,
  signal: AbortSignal,
): Promise<OverwritePlan> {
  const standingOf = createStanding(locateIn(target));
  const inTheWay: BytePath[] = [];
  const obstacles = new Set<BytePath>();
  let reused = 0;
  const meet = ({ path, type }: Entry): void => {
    requireWithin(path);
    const { barred, stats } = standingOf(path);
    if (barred !== undefined) obstacles.add(barred);
    if (stats === undefined) return;
    if (stats.isDirectory() !== (type === 'directory')) obstacles.add(path);
    else if (isPlain(type, stats)) reused += Number(stats.blocks) * 512;
    else if (type !== 'directory') inTheWay.push(path);
  };
  for await (const batch of entries) {
    signal.throwIfAborted();
    for (const entry of batch) if (entry.path !== ROOT) meet(entry);
  }
  if (obstacles.size > 0) throw blocked(target, [...obstacles]);
  return { inTheWay, reused };
}

function blocked(target: string, obstacles: readonly BytePath[]): BackupError {
  const named = obstacles.slice(0, OBSTACLES_NAMED).map((path) => `\n  ${displayPath(path)}`);
  const more = obstacles.length > named.length ? `\n  and ${obstacles.length - named.length} more` : '';
  return new BackupError(
    'usage',
    `Cannot restore over what is in ${showControls(target)}: where the snapshot has a directory there is something else, ` +
      `or the other way round. Nothing was changed. Move these away first:${named.join('')}${more}`,
  );
}

/** The list was judged when it was stored; but what is in the way is removed, so nothing is taken on trust here. */
function requireWithin(path: BytePath): void {
  if (!path.split('/').some((name) => ['', '.', '..'].includes(name) || name.includes('\0'))) return;
  const message = `The list of entries names ${displayPath(path)}, which is no path within a tree. Nothing was changed.`;
  throw new BackupError('untrusted', message);
}

/** Removes what is in the way of a restore. */
export async function clearTheWay(target: string, { inTheWay }: OverwritePlan, signal: AbortSignal): Promise<void> {
  const inTree = locateIn(target);
  for (const path of inTheWay) {
    signal.throwIfAborted();
    await unlink(inTree(path)).catch((cause: NodeJS.ErrnoException) => {
      const message = `Cannot remove ${displayPath(path)}, which is in the way of the restore: ${cause.code}.`;
      throw new BackupError('failed', message, { cause });
    });
  }
}

/** A file with this one name, which may be written over. */
function isPlain(type: Entry['type'], stats: BigIntStats): boolean {
  return type === 'file' && stats.isFile() && stats.nlink === 1n;
}

interface Standing {
  /** Something above the path that is no directory. */
  readonly barred?: BytePath;
  /** What is there already; links are not followed. */
  readonly stats?: BigIntStats;
}

/** Directories that are remembered; lists have a directory's content together. */
const REMEMBERED = 10_000;

function createStanding(inTree: Locate): (path: BytePath) => Standing {
  const known = new Map<string, 'real' | 'missing' | 'barred'>();
  const kindOf = (path: string) => {
    const stats = known.get(path) === undefined ? statOf(inTree(path as BytePath)) : undefined;
    const found = stats === undefined ? 'missing' : stats.isDirectory() ? 'real' : 'barred';
    const kind = known.get(path) ?? found;
    if (known.size >= REMEMBERED) known.clear();
    known.set(path, kind);
    return kind;
  };
  return (path) => {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth += 1) {
      const parent = names.slice(0, depth).join('/');
      const kind = kindOf(parent);
      if (kind === 'barred') return { barred: parent as BytePath };
      if (kind === 'missing') return {};
    }
    const stats = statOf(inTree(path));
    return stats === undefined ? {} : { stats };
  };
}
