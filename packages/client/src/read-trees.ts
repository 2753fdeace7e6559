// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import type { TreeRequest } from './archive.ts';
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
    await attempt(progress, 'read', io, async () => {
      for (const tree of progress.result.trees ?? []) {
        if (!isQuiet || !(await holdTree(work, progress, io, tree))) await addTree(work, progress, io, tree);
      }
    });
  }
}

/** Puts the rest into the archive: what was held, and what is in snapshots. */
export async function readAfterPost(work: ServiceWork, io: ServiceIo): Promise<void> {
  for (const { progress, tree } of work.held) {
    await attempt(progress, 'read', io, async () => {
      addTotals(work, progress, await io.archive.addHeld(tree));
      await requireFreeSpace(work.stage, io.minFreeBytes);
    });
  }
  for (const progress of work.tasks.filter(({ result }) => result.snapshot)) {
    await attempt(progress, 'read', io, async () => {
      for (const tree of progress.result.trees ?? []) await addTree(work, progress, io, tree);
    });
  }
}

async function holdTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: Tree): Promise<boolean> {
  const { log } = progress.context;
  // What is held already comes into the archive later, and takes its room there too.
  const waiting = work.held.reduce((sum, { tree: { bytes } }) => sum + bytes, 0);
  const place = { directory: io.work, minFreeBytes: io.minFreeBytes + waiting };
  const held = await io.archive.holdTree(requestOf(work, progress, io, tree), place);
  if (held === undefined) {
    log.info(
      `No room in ${io.work} for a temporary tar of ${tree.root}: it is compressed while the service stands still.`,
    );
    return false;
  }
  log.debug(`${tree.root} is held: ${formatBytes(held.bytes)}`);
  work.held.push({ progress, tree: held });
  return true;
}

async function addTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: Tree): Promise<void> {
  addTotals(work, progress, await io.archive.addTree(requestOf(work, progress, io, tree)));
  await requireFreeSpace(work.stage, io.minFreeBytes);
}

function requestOf(work: ServiceWork, { tally }: TaskProgress, io: ServiceIo, tree: Tree): TreeRequest {
  return {
    ...tree,
    prefix: `${work.prefix}/${tree.into}`,
    exclude: [...tree.exclude, ...io.exclude],
    parents: true,
    onEntry: (entry) => tally.add(entry, pathInService(work, entry)),
  };
}
