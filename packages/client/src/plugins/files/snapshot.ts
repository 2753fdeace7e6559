// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import type { PluginContext } from '../../plugin.ts';
import { removeSnapshots, type SnapshotMemo, type SnapshotRequest } from '../../plugin-tools/snapshot/index.ts';
import { isWithin } from '../../plugin-tools/snapshot/mounts.ts';
import type { FilesOptions } from './options.ts';
import { type FilesPlan, isLeftOut } from './plan.ts';

const part = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('btrfs'), device: z.string() }),
  z.object({ kind: z.literal('zfs'), dataset: z.string(), clone: z.boolean() }),
  z.object({ kind: z.literal('lvm'), group: z.string(), volume: z.string(), thin: z.boolean() }),
]);

const snapshotMemo = z.object({
  name: z.string(),
  parts: z.array(part),
  root: z.string().exactOptional(),
  complete: z.boolean().exactOptional(),
  warnings: z.array(z.string()),
});

/** What is to be read from a snapshot; undefined where nothing is. */
export function snapshotRequest(options: FilesOptions, { groups }: FilesPlan): SnapshotRequest | undefined {
  if (options.snapshot === 'none') return undefined;
  const within = (directory: string) => (path: string) => isWithin(directory, path);
  return {
    kind: options.snapshot,
    paths: groups.flatMap(({ paths }) => paths),
    leavesOut: (directory) => isLeftOut(directory, groups),
    staysOut: (point) => groups.some(({ paths, oneFileSystem }) => oneFileSystem && paths.some(within(point))),
    size: options.snapshot_size,
  };
}

/** The snapshot that `prepare` has made; undefined where there is none. */
export function snapshotOf(context: Pick<PluginContext, 'remembered'>): SnapshotMemo | undefined {
  const memo = context.remembered();
  return memo === undefined ? undefined : snapshotMemo.parse(memo);
}

/** `post`: removes it. */
export async function removeRemembered(context: PluginContext<FilesOptions>): Promise<void> {
  const memo = snapshotOf(context);
  if (memo !== undefined) await removeSnapshots(memo, context);
}
