// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/**
 * Creates the directory for a restore where it is missing. What is restored may be as secret as it was on the host.
 * @throws BackupError `usage` when it cannot be created, or holds anything
 */
export async function createEmptyTarget(target: string): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    const reason = REASONS[cause.code ?? ''] ?? cause.message;
    const message = `Cannot restore into ${showControls(target)}: ${reason}. Give another directory with --to.`;
    throw new BackupError('usage', message, { cause });
  });
  await requireEmptyTarget(target);
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'it is a file',
  ENOTDIR: 'something above it is a file',
  EROFS: 'its file system is read-only',
  EACCES: 'it may not be created there',
  EPERM: 'it may not be created there',
};

/** @throws BackupError `usage` when the directory for a restore is missing or holds anything */
export async function requireEmptyTarget(target: string): Promise<void> {
  const cannot = `Cannot restore into ${showControls(target)}:`;
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    throw new BackupError('usage', `${cannot} ${error.code ?? error.message}. Give a directory that exists.`, {
      cause: error,
    });
  });
  if (names.length === 0) return;
  throw new BackupError('usage', `${cannot} it is not empty. Give an empty directory.`);
}
