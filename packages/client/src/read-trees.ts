// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath } from 'node:fs/promises';
import { relative } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { TreeRequest, TreeTotals } from './archive.ts';
import { escapeExcludePattern } from './exclude-pattern.ts';
import type { Tree } from './plugin.ts';
import { addTotals, attempt, pathInService, quietSince, type ServiceIo, type ServiceWork } from './service-work.ts';
import { requireFreeSpace } from './stage.ts';
import type { TaskProgress } from './task-progress.ts';

/**
 * Reads what has to be read before the tasks are undone: all trees but those in snapshots. A service that stands still
 * waits for the disks only: its trees are held in temporary tars where there is room, and compressed when it is back.
 */
export async function readBeforePost(work: ServiceWork, io: ServiceIo): Promise<void> {
  const isQuiet = quietSince(work) !== undefined;
  for (const progress of work.tasks) {
    if (progress.result.snapshot) continue;
    await readEach(progress, io, async (tree) => {
      if (!isQuiet || !(await holdTree(work, progress, io, tree))) await addTree(work, progress, io, tree);
    });
  }
}

/** Puts the rest into the archive: what was held, and what is in snapshots. */
export async function readAfterPost(work: ServiceWork, io: ServiceIo): Promise<void> {
  for (const { progress, tree, held } of work.held) {
    await attempt(progress, 'read', io, async () => {
      addTotals(work, progress, onHost(tree, await io.archive.addHeld(held)));
      await requireFreeSpace(work.stage, io.minFreeBytes);
    });
  }
  for (const progress of work.tasks.filter(({ result }) => result.snapshot)) {
    await readEach(progress, io, (tree) => addTree(work, progress, io, tree));
  }
}

/** A tree that cannot be read must not cost the others, unless there is no room for them. */
async function readEach(progress: TaskProgress, io: ServiceIo, read: (tree: Tree) => Promise<void>): Promise<void> {
  for (const tree of progress.result.trees ?? []) {
    await attempt(progress, 'read', io, async () => {
      await requireFreeSpace(io.work, io.minFreeBytes);
      await read(tree).catch((error: unknown) => {
        throw error instanceof BackupError ? new BackupError(error.code, nameOnHost(tree, error.message)) : error;
      });
    });
  }
}

async function holdTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: Tree): Promise<boolean> {
  const { log } = progress.context;
  // What is held already comes into the archive later, and takes its room there too.
  const waiting = work.held.reduce((sum, { held: { bytes } }) => sum + bytes, 0);
  const place = { directory: io.work, minFreeBytes: io.minFreeBytes + waiting };
  const held = await io.archive.holdTree(await requestOf(work, progress, io, tree), place);
  const { root, shows = root } = tree;
  if (held === undefined) {
    log.info(`No room in ${io.work} for a temporary tar of ${shows}: it is compressed while the service stands still.`);
    return false;
  }
  log.debug(`${shows} is held: ${formatBytes(held.bytes)}`);
  work.held.push({ progress, tree, held });
  return true;
}

async function addTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: Tree): Promise<void> {
  const totals = await io.archive.addTree(await requestOf(work, progress, io, tree));
  addTotals(work, progress, onHost(tree, totals));
  await requireFreeSpace(work.stage, io.minFreeBytes);
}

async function requestOf(work: ServiceWork, { tally }: TaskProgress, io: ServiceIo, tree: Tree): Promise<TreeRequest> {
  return {
    ...tree,
    prefix: `${work.prefix}/${tree.into}`,
    exclude: [...tree.exclude, ...(await spoolPatterns(tree, io))],
    parents: true,
    onEntry: (entry) => tally.add(entry, pathInService(work, entry)),
  };
}

/** The spool is left out of every tree: it must never be read into the archive that grows in it. */
async function spoolPatterns({ root, shows }: Tree, { spool }: ServiceIo): Promise<readonly string[]> {
  const below = relative(shows ?? (await realpath(root).catch(() => root)), spool);
  if (below === '') return ['/*'];
  return below === '..' || below.startsWith('../') ? [] : [`/${escapeExcludePattern(below)}/`];
}

function onHost(tree: Tree, totals: TreeTotals): TreeTotals {
  const named = (messages: readonly string[]) => messages.map((message) => nameOnHost(tree, message));
  return { ...totals, warnings: named(totals.warnings), failed: named(totals.failed) };
}

/** A message about a snapshot names what is on the host: where that was mounted means nothing to anybody. */
function nameOnHost({ root, shows }: Tree, message: string): string {
  if (shows === undefined) return message;
  return message.replaceAll(`${root}/`, shows.endsWith('/') ? shows : `${shows}/`).replaceAll(root, shows);
}
