// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Snapshot } from '../stores/store.ts';

/** A snapshot and why it was taken. */
export interface ChosenSnapshot {
  readonly snapshot: Snapshot;
  readonly why: string;
}

/**
 * The newest snapshot that was proven whole; a doubtful one only where there is no other.
 * @param snapshots oldest first
 * @param unproven stamps of saves that were never proven whole
 * @throws BackupError `failed` where there is no snapshot at all
 */
export function newestSnapshot(
  snapshots: readonly Snapshot[],
  unproven: readonly string[],
  host: string,
): ChosenSnapshot {
  const newest = snapshots.at(-1);
  if (newest === undefined) {
    throw new BackupError('failed', `There is no snapshot of ${host} yet. Make one: backup-server backup ${host}`);
  }
  const proven = snapshots.filter(({ tags }) => !tags.some((tag) => unproven.includes(tag))).at(-1);
  if (proven === undefined)
    return { snapshot: newest, why: 'the only one; it was NOT proven whole, files may be missing' };
  if (proven === newest) return { snapshot: newest, why: 'the newest' };
  return {
    snapshot: proven,
    why: `the newest that is whole; ${newest.id.slice(0, 8)} is newer but was not proven whole`,
  };
}
