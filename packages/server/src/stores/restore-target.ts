// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

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
