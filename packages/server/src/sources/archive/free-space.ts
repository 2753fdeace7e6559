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
