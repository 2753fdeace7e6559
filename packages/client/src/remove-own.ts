// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath, rm } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { isWithin, readMounts } from './plugin-tools/snapshot/mounts.ts';

/**
 * Removes a directory of a run with all that is in it; missing is fine. Not where something is mounted in it: a command that
 * was ended half-way may have left that there, and it is the host's.
 * @throws BackupError `failed` with what is mounted; nothing is removed then
 */
export async function removeOwn(directory: string): Promise<void> {
  await requireNoMounts(directory);
  await rm(directory, { recursive: true, force: true });
}

/** @throws BackupError `failed` where something is mounted in a directory */
export async function requireNoMounts(directory: string): Promise<void> {
  const path = await realpath(directory).catch(() => directory);
  const points = (await readMounts()).map(({ point }) => point).filter((point) => isWithin(point, path));
  if (points.length === 0) return;
  const list = points.map((point) => showControls(point)).join(', ');
  throw new BackupError(
    'failed',
    `${directory} is not removed, for something is mounted in it: ${list}. Which plugin or command has left that? umount it; ` +
      'the next run removes the rest.',
  );
}
