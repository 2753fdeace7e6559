// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, rmdir, unlink } from 'node:fs/promises';
import type { BytePath } from '@local-backup/common/byte-path';
import type { Log } from '@local-backup/common/log';
import { bytesBelow } from './bytes-below.ts';
import { onHost } from './compare.ts';

/**
 * Removes what a restore has created, the last one first. A directory that somebody has put something into since stays, with
 * a warning; nothing is removed behind a link.
 * @param paths relative to `root`, parents first
 */
export async function removeCreated(root: string, paths: readonly BytePath[], log: Log): Promise<void> {
  const directories = new Map<string, boolean>();
  for (const path of [...paths].reverse()) {
    if (!(await isBehindDirectories({ root, path }, directories))) continue;
    const file = bytesBelow(root, path);
    const facts = await lstat(file).catch(() => undefined);
    if (facts === undefined) continue;
    if (!facts.isDirectory()) await unlink(file);
    else {
      await rmdir(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY') throw error;
        log.warn(`${onHost(root, path)} stays: there is something in it that the restore has not put there.`);
      });
    }
  }
}

/** Whether all that is above a path are directories. */
async function isBehindDirectories(
  { root, path }: { readonly root: string; readonly path: BytePath },
  known: Map<string, boolean>,
): Promise<boolean> {
  const end = path.lastIndexOf('/');
  if (end < 0) return true;
  const parent = path.slice(0, end) as BytePath;
  const before = known.get(parent);
  if (before !== undefined) return before;
  const facts = await lstat(bytesBelow(root, parent)).catch(() => undefined);
  const answer = facts?.isDirectory() === true && (await isBehindDirectories({ root, path: parent }, known));
  known.set(parent, answer);
  return answer;
}
