// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';

/**
 * @param purpose for the message: `to fetch web1-....tar.gz`
 * @throws BackupError `failed` where the file system of the directory has less than `bytes` free (without what is reserved for root)
 */
export async function requireFreeSpace(directory: string, bytes: number, purpose: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const found = `Not enough space in ${directory} ${purpose}: ${formatBytes(bytes)} are needed, ${formatBytes(free)} are free`;
  throw new BackupError('failed', `${found}. Make room there, or move the directory to a larger disk.`);
}

/** Of the inodes of a file system, the part that is left for others, so that one host cannot take them all. */
const INODE_RESERVE_PART = 0.05;

/**
 * @param entries files, directories and links that will be made
 * @throws BackupError `failed` where the file system of the directory has no inodes for that many
 */
export async function requireFreeInodes(directory: string, entries: number, purpose: string): Promise<void> {
  const { files, ffree } = await statfs(directory);
  // File systems that make inodes as they need them, btrfs for one, report none at all.
  if (files === 0) return;
  const needed = entries + Math.ceil(files * INODE_RESERVE_PART);
  if (ffree >= needed) return;
  const found = `Not enough inodes in ${directory} ${purpose}: ${needed} are needed, ${ffree} are free`;
  throw new BackupError('failed', `${found}. Remove files there, or move it to a file system made for more of them.`);
}
