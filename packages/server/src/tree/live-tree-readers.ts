// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { BackupError } from '@local-backup/common/errors';

/**
 * Refuses to change a live tree that the store of a killed run is still saving: its snapshot would hold half of one state
 * and half of another. Under systemd nothing outlives the unit; started by hand, restic outlives a `kill -9` of its parent.
 *
 * @throws BackupError `failed` with the process to wait for
 */
export function requireNoSaveUnderWay(liveDirectory: string): void {
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isSaving(name, liveDirectory));
  if (pid === undefined) return;
  throw new BackupError(
    'failed',
    `Process ${pid}, left by a run that was killed, is still saving ${liveDirectory}; nothing was changed. The next run ` +
      `works once it has ended: wait for it, or end it with: kill -INT ${pid}`,
  );
}

/** Saving happens from within the tree; somebody who only stands in it with a shell does no harm. */
function isSaving(pid: string, liveDirectory: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) !== liveDirectory) return false;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('backup');
  } catch {
    return false; // It has ended since the directory was read, or is not ours to look at.
  }
}
