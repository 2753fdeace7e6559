// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Mount } from './mounts.ts';
import { insistOnTool, type Part, runTool, type SnapshotIo, type SnapshotMaker } from './part.ts';

type LvmPart = Extract<Part, { kind: 'lvm' }>;

/** Room for what changes, as lvcreate takes it: `20%` of the original, or a size. */
function sizeArgs(size: string): readonly string[] {
  return size.endsWith('%') ? ['--extents', `${size}ORIGIN`] : ['--size', size];
}

/** A snapshot volume, mounted read-only. A thin one needs no size, and would not be activated by itself. */
export const lvm: SnapshotMaker<LvmPart> = {
  async make({ group, volume, thin }, { name, directory, mounts, size }, io) {
    const kind = thin ? ['--setactivationskip', 'n'] : sizeArgs(size);
    await runTool(io, ['lvcreate', '--yes', '--snapshot', '--name', name, ...kind, `${group}/${volume}`]);
    const listed = await runTool(io, ['lvs', '--noheadings', '--options', 'lv_path', `${group}/${name}`]);
    await mkdir(directory, { mode: 0o700 });
    const type = mounts[0]?.type ?? 'auto';
    // The UUID of XFS is that of the original, which is mounted.
    const options = type === 'xfs' ? 'ro,nouuid' : 'ro';
    await runTool(io, ['mount', '-t', type, '-o', options, '--', listed.stdout.trim(), directory]);
    return { layers: mounts.map(({ point, root }) => ({ point, source: join(directory, root) })), warnings: [] };
  },

  async remove({ group }, fits, io) {
    const { stdout } = await runTool(io, ['lvs', '--noheadings', '--options', 'lv_name', group]);
    const names = stdout
      .split('\n')
      .map((line) => line.trim())
      .filter(fits);
    for (const name of names) await insistOnTool(io, ['lvremove', '--yes', `${group}/${name}`]);
    return names.map((name) => `LVM snapshot ${group}/${name}`);
  },
};

/** The logical volume that a file system is on; undefined where it is on none. */
export async function volumeOf({ source }: Mount, io: SnapshotIo): Promise<LvmPart | undefined> {
  if (!source.startsWith('/dev/') || (await findProgram('lvs')) === undefined) return undefined;
  const fields = 'vg_name,lv_name,pool_lv';
  const words = ['lvs', '--noheadings', '--separator', ',', '--options', fields, '--', source];
  const { exitCode, stdout } = await runTool(io, words, [0, 5]);
  if (exitCode !== 0) return undefined;
  const [group = '', volume = '', pool = ''] = stdout.trim().split(',');
  if (group === '' || volume === '') throw new BackupError('failed', `lvs says nothing of use about ${source}.`);
  return { kind: 'lvm', group, volume, thin: pool !== '' };
}
