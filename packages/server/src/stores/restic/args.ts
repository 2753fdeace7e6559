// SPDX-License-Identifier: AGPL-3.0-or-later
import { has, type ResticVersion } from './version.ts';

/** Shows the repository's id, and that it can be opened and locked. */
export const CONFIG_ARGS: readonly string[] = ['cat', 'config'];

/** Without `--json`: version 0.14 prints prose all the same, so the id is read from the configuration afterwards. */
export const INIT_ARGS: readonly string[] = ['init', '--quiet'];

/** Without a lock: a listing does no harm while another command holds the repository, and must not fail then. */
export function snapshotsArgs(host: string): readonly string[] {
  return ['snapshots', '--json', '--no-lock', '--host', host];
}

export interface BackupArgs {
  readonly host: string;
  readonly stamp: string;
  /** Words of the configuration, judged by {@link refusedBackupOptions}. */
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

/** Options that would take away what this store promises, and why each is refused. */
const REFUSED: readonly { readonly names: readonly string[]; readonly why: string }[] = [
  { names: ['-r', '--repo', '--repository-file'], why: 'the repository belongs to the host' },
  {
    names: ['-p', '--password-file', '--password-command', '--key-hint'],
    why: 'the password is configured by its own key',
  },
  { names: ['--insecure-no-password'], why: 'a repository needs a password' },
  { names: ['-H', '--host', '--hostname'], why: 'it is the name of the host in the inventory' },
  { names: ['--time'], why: 'retention needs the time of the server' },
  { names: ['-n', '--dry-run'], why: 'nothing would ever be saved' },
  { names: ['--skip-if-unchanged'], why: 'every run that succeeds leaves a snapshot as its proof' },
  { names: ['--stdin', '--stdin-filename', '--stdin-from-command'], why: 'the live tree is what is saved' },
  { names: ['--files-from', '--files-from-raw', '--files-from-verbatim'], why: 'the live tree is what is saved' },
  { names: ['--no-lock'], why: 'a prune at the same time would destroy the snapshot' },
  { names: ['-q', '--quiet', '--json'], why: 'the output is read by the program' },
];

/** One complaint for each word of `backup_options` that cannot be allowed; empty when all are fine. */
export function refusedBackupOptions(words: readonly string[]): readonly string[] {
  return words.flatMap((word) => {
    const name = word.split('=', 1)[0] ?? word;
    const refused = REFUSED.find(({ names }) => names.some((known) => known === name || isShort(known, word)));
    return refused === undefined ? [] : [`${name}: ${refused.why}`];
  });
}

/** `-nv` and `-r/path` mean `-n` and `-r`. */
function isShort(known: string, word: string): boolean {
  return known.length === 2 && !word.startsWith('--') && word.startsWith(known);
}

/** `--compression max` destroyed data before restic 0.16.4. */
export function wantsMaxCompression(words: readonly string[]): boolean {
  return words.some((word, index) => {
    return word === '--compression=max' || (word === '--compression' && words[index + 1] === 'max');
  });
}
