// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { insistOnTool, type Part, runTool, type SnapshotIo, type SnapshotMaker } from './part.ts';

type ZfsPart = Extract<Part, { kind: 'zfs' }>;

/**
 * A snapshot of the dataset, mounted as a file system of its own. zfs-fuse cannot mount one: there it is a read-only clone
 * that is mounted, a dataset of the same name below the one that is saved.
 */
export const zfs: SnapshotMaker<ZfsPart> = {
  async make({ dataset, clone }, { name, directory, mounts }, io) {
    const snapshot = `${dataset}@${name}`;
    await runTool(io, ['zfs', 'snapshot', snapshot]);
    await mkdir(directory, { mode: 0o700 });
    if (clone) {
      const settings = ['-o', 'readonly=on', '-o', `mountpoint=${directory}`];
      await runTool(io, ['zfs', 'clone', ...settings, snapshot, `${dataset}/${name}`]);
    } else await runTool(io, ['mount', '-t', 'zfs', '-o', 'ro', '--', snapshot, directory]);
    return { layers: mounts.map(({ point, root }) => ({ point, source: join(directory, root) })), warnings: [] };
  },

  async remove({ dataset, clone }, fits, io) {
    const names = (await listSnapshots(dataset, io)).filter(fits);
    for (const name of names) {
      if (clone && (await exists(`${dataset}/${name}`, io)))
        await insistOnTool(io, ['zfs', 'destroy', `${dataset}/${name}`]);
      await insistOnTool(io, ['zfs', 'destroy', `${dataset}@${name}`]);
    }
    return names.map((name) => `ZFS snapshot ${dataset}@${name}`);
  },
};

/** Names behind the `@`. Those of the datasets below are left out here: older versions cannot be told to. */
async function listSnapshots(dataset: string, io: SnapshotIo): Promise<string[]> {
  if (!(await exists(dataset, io))) return [];
  const { stdout } = await runTool(io, ['zfs', 'list', '-H', '-o', 'name', '-t', 'snapshot', '-r', dataset]);
  const start = `${dataset}@`;
  return stdout.split('\n').flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
}

/** @throws BackupError where ZFS does not say whether there is such a dataset */
async function exists(dataset: string, io: SnapshotIo): Promise<boolean> {
  const { exitCode, stderr } = await runTool(io, ['zfs', 'list', '-H', '-o', 'name', dataset], [0, 1]);
  if (exitCode === 0) return true;
  if (/does not exist/.test(stderr)) return false;
  throw new BackupError('failed', `zfs cannot list ${dataset}:${quoteLastLines(stderr, (text) => text)}`);
}
