// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What `restic check` calls the cache that it makes for itself and removes in the end. */
const CHECK_CACHE = /^restic-check-cache-/;

/**
 * Removes the caches of checks that were killed: restic never does, and each may be as large as all directories of a
 * repository. What cannot be removed stays for the next time.
 * @param cacheDirectory of all hosts, so that a check of another one may be at work in it
 * @param longest no check lasts longer than this, milliseconds
 */
export async function removeOldCheckCaches(cacheDirectory: string, longest: number, now: Date): Promise<void> {
  const names = await readdir(cacheDirectory).catch(() => []);
  for (const name of names.filter((entry) => CHECK_CACHE.test(entry))) {
    const path = join(cacheDirectory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined || now.getTime() - facts.mtimeMs <= longest) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
