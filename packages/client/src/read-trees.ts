// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath } from 'node:fs/promises';
import { relative } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { TreeRequest, TreeTotals } from './archive.ts';
import { escapeExcludePattern } from './exclude-pattern.ts';
import type { SizedTask } from './expect/task-sizes.ts';
import { MEASURE_MS } from './held-room.ts';
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
  const measuring = { leftMs: MEASURE_MS };
  for (const progress of work.tasks) {
    const { snapshot, trees = [] } = progress.result;
    if (snapshot || trees.length === 0) continue;
    let bytes = 0;
    await readEach(progress, io, async (tree) => {
      const held = isQuiet ? await holdTree({ work, progress, measuring }, io, tree) : undefined;
      bytes += held ?? (await addTree(work, progress, io, tree));
    });
    // For the next run, which may not have the time to measure.
    if (isQuiet && progress.status !== 'failed') io.sizes.keep(sizeOf(progress), bytes);
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
    await readEach(progress, io, async (tree) => void (await addTree(work, progress, io, tree)));
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

interface Holding {
  readonly work: ServiceWork;
  readonly progress: TaskProgress;
  /** What is left of the time for measuring: the service waits. */
  readonly measuring: { leftMs: number };
}

/** @returns its bytes; undefined where it is not held */
async function holdTree(
  { work, progress, measuring }: Holding,
  io: ServiceIo,
  tree: Tree,
): Promise<number | undefined> {
  const { log } = progress.context;
  const { root, shows = root } = tree;
  // What is held already comes into the archive later, and takes its room there too.
  const waiting = work.held.reduce((sum, { held: { bytes } }) => sum + bytes, 0);
  const held = await io.archive.holdTree(await requestOf(work, progress, io, tree), {
    ...{ directory: io.work, minFreeBytes: io.minFreeBytes + waiting, measuring },
    expectedBytes: await io.sizes.last(sizeOf(progress)).catch(() => undefined),
    tell: (why) =>
      log.info(`${shows} is compressed while the service stands still, without a temporary tar in ${io.work}: ${why}.`),
  });
  if (held === undefined) return undefined;
  log.debug(`${shows} is held: ${formatBytes(held.bytes)}`);
  work.held.push({ progress, tree, held });
  return held.bytes;
}

/** Beside the size that `max_shrink` goes by, in a file of its own. */
function sizeOf({ entry: { service, task } }: TaskProgress): SizedTask {
  return { service, task: `${task}#quiet` };
}

async function addTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: Tree): Promise<number> {
  const totals = await io.archive.addTree(await requestOf(work, progress, io, tree));
  addTotals(work, progress, onHost(tree, totals));
  await requireFreeSpace(work.stage, io.minFreeBytes);
  return totals.bytes;
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
