// SPDX-License-Identifier: AGPL-3.0-or-later
import { has, type ResticVersion } from './version.ts';

/** Shows the repository's id, and that it can be opened and locked. */
export const CONFIG_ARGS: readonly string[] = ['cat', 'config'];

/** Without `--json`: version 0.14 prints prose all the same, so the id is read from the configuration afterwards. */
export const INIT_ARGS: readonly string[] = ['init', '--quiet'];

/** Chunks as in the repository that is copied from, without which the same data is not the same in both. */
export const INIT_COPY_ARGS: readonly string[] = [...INIT_ARGS, '--copy-chunker-params'];

/** Snapshots by their whole ids, which are copied in this order; those that are there already are passed over. */
export function copyArgs(ids: readonly string[]): readonly string[] {
  return ['copy', '--quiet', ...ids];
}

/** Without a lock: a listing does no harm while another command holds the repository, and must not fail then. */
export function snapshotsArgs(host: string): readonly string[] {
  return ['snapshots', '--json', '--no-lock', '--host', host];
}

export interface BackupArgs {
  readonly host: string;
  readonly stamp: string;
  /** Words of the configuration, judged by `refusedBackupOptions`. */
  readonly options: readonly string[];
  readonly dryRun: boolean;
  readonly readAll: boolean;
  /** Compare with this snapshot instead of the newest. */
  readonly parent?: string;
}

/**
 * Saves the working directory. `--ignore-inode` because every unpacking makes new inodes; it covers the change time too
 * (measured on 0.14 and 0.18: all files of a tree that was copied again count as unmodified).
 */
export function backupArgs({ host, stamp, options, dryRun, readAll, parent }: BackupArgs): readonly string[] {
  return [
    ...['backup', '--json', '--host', host, '--tag', host, '--tag', stamp, '--ignore-inode'],
    ...(dryRun ? ['--dry-run'] : []),
    ...(readAll ? ['--force'] : []),
    ...(parent === undefined ? [] : ['--parent', parent]),
    ...options,
    '.',
  ];
}

/** Holes stay holes where restic can do it (0.15); before, a sparse file is restored with all its zeros on the disk. */
export function restoreArgs(
  version: ResticVersion,
  restore: { readonly snapshot: string; readonly target: string; readonly verify: boolean },
): readonly string[] {
  return [
    ...['restore', restore.snapshot, '--target', restore.target],
    ...(has(version, 'sparseRestore') ? ['--sparse'] : []),
    ...(restore.verify ? ['--verify'] : []),
  ];
}

/** How long restic itself waits for a lock; versions before 0.16 cannot and fail at once. */
export function lockArgs(version: ResticVersion, waitMs: number): readonly string[] {
  return waitMs > 0 && has(version, 'retryLock') ? ['--retry-lock', `${Math.ceil(waitMs / 1000)}s`] : [];
}
