// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { timeOfStamp } from '@local-backup/common/archive-name';
import { writeFileAtomic } from '@local-backup/common/atomic-file';

/**
 * Remembers, on disk, the stamps of saves that have begun and have not been proven whole. A snapshot with such a stamp
 * does not count as stored: whatever came in between - unreadable items, `kill -9`, power loss - the next run fetches the
 * archive, which is still on the host, and stores it again. Each stamp has a mark of its own, which stays until that very
 * archive has been stored whole.
 */
export interface SaveMarker {
  /** The stamps of the saves that were not proven. */
  read(): Promise<readonly string[]>;
  /** Called before the store is asked to save; on disk when it resolves. */
  set(stamp: string): Promise<void>;
  /** Called when a whole snapshot with this stamp exists. */
  clear(stamp: string): Promise<void>;
}

/** The marks of one host: a file for each stamp, in a directory of the host's own under the state directory. */
export function createSaveMarker(stateDirectory: string, hostname: string): SaveMarker {
  const directory = join(stateDirectory, 'unproven', hostname);
  return {
    async read() {
      const names = (await readdir(directory).catch(ignore('ENOENT'))) ?? [];
      return names.filter((name) => timeOfStamp(name) !== undefined).sort();
    },
    async set(stamp) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomic(join(directory, stamp), '', { mode: 0o600 });
    },
    async clear(stamp) {
      await rm(join(directory, stamp), { force: true });
      await rmdir(directory).catch(ignore('ENOENT', 'ENOTEMPTY'));
    },
  };
}

function ignore(...codes: readonly string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
    return undefined;
  };
}
