// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { btrfs } from './btrfs.ts';
import { lvm } from './lvm.ts';
import type { Mount } from './mounts.ts';
import { type Names, namesFor } from './names.ts';
import type { Layer, Made, MakeOptions, Part, SnapshotIo } from './part.ts';
import { planSnapshots, type SnapshotPlan, type SnapshotRequest } from './plan.ts';
import { buildView, closeDirectory, directoryOf, mountedDirectories, openDirectory } from './view.ts';
import { zfs } from './zfs.ts';

export type { SnapshotRequest };

/** What `post` needs, plain JSON: every name follows from it. */
export interface SnapshotMemo {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Where the host can be read as it was; missing until all is made, and where there is no snapshot. */
  readonly root?: string;
  /** True: nothing that is read there is in place. */
  readonly complete?: boolean;
  readonly warnings: readonly string[];
}

type Context = Pick<PluginContext, 'service' | 'exec' | 'signal' | 'log' | 'remember'>;

/**
 * Makes snapshots of what is read, and a view of them: a tree like that of the host. What earlier runs of this service
 * have lost is removed first. Where `auto` fails, what was made is removed again, and there is no `root`. Where no file
 * system has snapshots nothing is done, and nothing remembered.
 * @throws BackupError when it cannot be made; the memo is on disk before anything is
 */
export async function makeSnapshots(request: SnapshotRequest, context: Context): Promise<void> {
  const plan = await planSnapshots(request, context);
  const parts = distinct(plan.parts.map(({ part }) => part));
  if (parts.length === 0) return;
  const names = await namesFor(context.service);
  const memo: SnapshotMemo = { name: names.fresh, parts, warnings: plan.warnings };
  await context.remember({ ...memo });
  const leftovers = await removeLeftovers(parts, names, context);
  try {
    const made = await makeAll(memo, plan, { request, context });
    const warnings = [...leftovers, ...plan.warnings, ...made.warnings];
    await context.remember({ ...memo, root: made.root, complete: plan.complete, warnings });
  } catch (error) {
    context.signal.throwIfAborted();
    if (request.kind !== 'auto') throw error;
    await removeSnapshots(memo, context);
    const failure = `Read in place, because the snapshot could not be made: ${describeError(error)}`;
    await context.remember({ ...memo, parts: [], warnings: [...leftovers, failure] });
  }
}

/** Removes what {@link makeSnapshots} has made, however far it had come. Safe to call twice. */
export async function removeSnapshots({ name, parts }: SnapshotMemo, io: SnapshotIo): Promise<void> {
  await closeDirectory(directoryOf(name), io);
  await removeParts(parts, { name, fits: (candidate) => candidate === name }, io);
}

async function makeAll(
  memo: SnapshotMemo,
  plan: SnapshotPlan,
  { request, context }: { readonly request: SnapshotRequest; readonly context: Context },
): Promise<{ readonly root: string; readonly warnings: readonly string[] }> {
  const directory = await openDirectory(memo.name, context);
  const layers: Layer[] = plan.live.map(({ point }) => ({ point, source: point, live: true }));
  const warnings: string[] = [];
  for (const [index, part] of memo.parts.entries()) {
    const mounts = plan.parts.filter((one) => isSame(one.part, part)).map(({ mount }): Mount => mount);
    const options = { mounts, name: memo.name, directory: join(directory, `${index}`), size: request.size };
    const made = await makePart(part, { ...options, concerns: plan.concerns }, context);
    layers.push(...made.layers);
    warnings.push(...made.warnings);
  }
  return { root: await buildView(directory, layers, context), warnings };
}

function makePart(part: Part, options: MakeOptions, io: SnapshotIo): Promise<Made> {
  if (part.kind === 'btrfs') return btrfs.make(part, options, io);
  return part.kind === 'zfs' ? zfs.make(part, options, io) : lvm.make(part, options, io);
}

interface Removal {
  /** Of the directory that a file system is mounted on for it. */
  readonly name: string;
  readonly fits: (name: string) => boolean;
}

async function removeParts(parts: readonly Part[], { name, fits }: Removal, io: SnapshotIo): Promise<string[]> {
  const removed: string[] = [];
  for (const part of parts) {
    if (part.kind === 'zfs') removed.push(...(await zfs.remove(part, fits, { ...io, directory: '' })));
    else if (part.kind === 'lvm') removed.push(...(await lvm.remove(part, fits, { ...io, directory: '' })));
    else removed.push(...(await removeBtrfs(part, { name, fits }, io)));
  }
  return removed;
}

/** Its snapshots are files of it: it has to be mounted. */
async function removeBtrfs(
  part: Extract<Part, { kind: 'btrfs' }>,
  { name, fits }: Removal,
  io: SnapshotIo,
): Promise<string[]> {
  const directory = await openDirectory(name, io);
  try {
    return await btrfs.remove(part, fits, { ...io, directory: join(directory, 'top') });
  } finally {
    await closeDirectory(directory, io);
  }
}

/** Of runs that were killed and whose memo is lost. @returns warnings */
async function removeLeftovers(parts: readonly Part[], names: Names, io: Context): Promise<string[]> {
  for (const directory of await mountedDirectories()) {
    if (names.isOwn(directory.split('/').at(-1) ?? '')) await closeDirectory(directory, io);
  }
  const removed = await removeParts(parts, { name: names.fresh, fits: names.isOwn }, io);
  return removed.map((what) => `An earlier run had left the ${what}: it was removed.`);
}

function distinct(parts: readonly Part[]): readonly Part[] {
  return parts.filter((part, index) => parts.findIndex((other) => isSame(other, part)) === index);
}

function isSame(one: Part, other: Part): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
