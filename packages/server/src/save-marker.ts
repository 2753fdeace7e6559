// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';

/**
 * Remembers, on disk, the stamp of a save that has begun and has not been proven whole. A snapshot with this stamp does
 * not count as stored: whatever came in between - unreadable items, `kill -9`, power loss - the next run fetches the
 * archive, which is still on the host, and stores it again.
 */
export interface SaveMarker {
  /** The stamp of the save that was not proven, or undefined. */
  read(): Promise<string | undefined>;
  /** Called before the store is asked to save; on disk when it resolves. */
  set(stamp: string): Promise<void>;
  /** Called when a whole snapshot exists. */
  clear(): Promise<void>;
}

/** The marker of one host, a file under the state directory. */
export function createSaveMarker(stateDirectory: string, hostname: string): SaveMarker {
  const directory = join(stateDirectory, 'unproven');
  const file = join(directory, hostname);
  return {
    async read() {
      try {
        return (await readFile(file, 'utf8')).trim();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async set(stamp) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomic(file, `${stamp}\n`, { mode: 0o600 });
    },
    async clear() {
      await rm(file, { force: true });
    },
  };
}
