// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * True where restic could not make a lock in a repository on this machine: its disk is read-only, which is what the kernel
 * makes of one that is failing, or has no room at all. restic would try for up to 15 minutes and then give up, just when
 * somebody has to restore; and nothing can be pruned there either.
 */
export async function cannotBeLocked(repository: string): Promise<boolean> {
  const path = repository.replace(/^local:/, '');
  if (!path.startsWith('/')) return false;
  const failure = await access(join(path, 'locks'), constants.W_OK).catch((error: NodeJS.ErrnoException) => error.code);
  if (failure !== undefined) return failure === 'EROFS';
  const { bfree } = await statfs(path);
  return bfree === 0;
}
