// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isWithin, readMounts } from './mounts.ts';
import { insistOnTool, type Layer, runTool, type SnapshotIo } from './part.ts';

/** Where snapshots are mounted, each in a directory of its name: never a part of what is saved. */
export const SNAPSHOT_DIRECTORY = '/run/local-backup';

/** The directory of one set of snapshots. */
export function directoryOf(name: string): string {
  return join(SNAPSHOT_DIRECTORY, name);
}

/**
 * Makes the directory, as a small file system in memory: what is mounted in it is nobody else's, and nothing but mounts
 * ever has to be removed.
 */
export async function openDirectory(name: string, io: SnapshotIo): Promise<string> {
  const directory = directoryOf(name);
  await mkdir(SNAPSHOT_DIRECTORY, { recursive: true, mode: 0o700 });
  await mkdir(directory, { mode: 0o700 });
  await runTool(io, ['mount', '-t', 'tmpfs', '-o', 'mode=0700,size=1m', 'local-backup', directory]);
  await makePrivate(directory, io);
  return directory;
}

/**
 * Puts layers together to a tree like that of the host: parents first, each mounted over the one above.
 * @returns its root
 */
export async function buildView(directory: string, layers: readonly Layer[], io: SnapshotIo): Promise<string> {
  const view = join(directory, 'view');
  await mkdir(view, { mode: 0o700 });
  for (const layer of [...layers].sort((a, b) => a.point.length - b.point.length)) {
    await addLayer(view, layer, io).catch(async (error: unknown) => {
      // Containers come and go.
      const isGone = layer.live && !(await readMounts()).some(({ point }) => point === layer.point);
      if (!isGone) throw error;
    });
  }
  return view;
}

async function addLayer(view: string, { point, source }: Layer, io: SnapshotIo): Promise<void> {
  const target = join(view, point);
  await runTool(io, ['mount', '--bind', '--', source, target]);
  // Before anything is mounted in it, or it would be mounted on the host too.
  await makePrivate(target, io);
}

async function makePrivate(point: string, io: SnapshotIo): Promise<void> {
  await runTool(io, ['mount', '--make-private', point]);
}

/** Unmounts all that is mounted in the directory, the last one first, and removes it. Harmless where there is nothing. */
export async function closeDirectory(directory: string, io: SnapshotIo): Promise<void> {
  for (const { point } of (await mountsIn(directory)).reverse()) await insistOnTool(io, ['umount', '--', point]);
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Directories of snapshots that are mounted. */
export async function mountedDirectories(): Promise<readonly string[]> {
  const points = (await readMounts())
    .map(({ point }) => point)
    .filter((point) => point.startsWith(`${SNAPSHOT_DIRECTORY}/`));
  return [...new Set(points.map((point) => point.split('/').slice(0, 4).join('/')))];
}

async function mountsIn(directory: string) {
  const inside = (await readMounts()).filter(({ point }) => isWithin(point, directory));
  // The order of the list is no help: longer paths are mounted in shorter ones.
  return inside.sort((a, b) => a.point.length - b.point.length);
}
