// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fsyncDirectory, writeFileAtomic } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/**
 * Writes a file that does not exist yet, mode 0600: there is none or the whole one, also after a crash.
 * @returns false where something is there already; it is untouched then, whatever it is
 * @throws BackupError `failed`
 */
export async function writeNewFile(file: string, text: string): Promise<boolean> {
  const temporary = join(dirname(file), `.init-${randomBytes(6).toString('hex')}`);
  await writeFileAtomic(temporary, text, { mode: 0o600 });
  try {
    // Unlike rename(2), it never replaces anything.
    await link(temporary, file);
    await fsyncDirectory(dirname(file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new BackupError('failed', `Cannot write ${showControls(file)}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes directories below one another, mode 0700, where they are missing.
 * @param top made with its parents
 * @param names of directories, each in the one before
 * @throws BackupError `config` where one is a link, which services are not looked for behind, or no directory
 */
export async function makeDirectories(top: string, names: readonly string[]): Promise<string> {
  try {
    await mkdir(top, { recursive: true, mode: 0o700 });
    let path = top;
    for (const name of names) {
      path = join(path, name);
      await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      if ((await lstat(path)).isDirectory()) continue;
      const message = `${path} is no directory (or a link to one, and services behind links are not saved). Move it away.`;
      throw new BackupError('config', message);
    }
    return path;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('failed', `Cannot make ${join(top, ...names)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
