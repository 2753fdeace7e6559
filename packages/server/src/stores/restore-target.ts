// SPDX-License-Identifier: AGPL-3.0-or-later
import type { StatsFs } from 'node:fs';
import { mkdir, readdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';

/**
 * Creates the directory for a restore where it is missing. What is restored may be as secret as it was on the host.
 * @throws BackupError `usage` when it cannot be created
 */
export async function createTarget(target: string): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    const reason = REASONS[cause.code ?? ''] ?? cause.message;
    const message = `Cannot restore into ${showControls(target)}: ${reason}. Give another directory with --to.`;
    throw new BackupError('usage', message, { cause });
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'it is a file',
  ENOTDIR: 'something above it is a file',
  EROFS: 'its file system is read-only',
  EACCES: 'it may not be created there',
  EPERM: 'it may not be created there',
};

/** @throws BackupError `usage` when the directory for a restore is missing or holds anything */
export async function requireEmptyTarget(target: string): Promise<void> {
  const cannot = `Cannot restore into ${showControls(target)}:`;
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    throw new BackupError('usage', `${cannot} ${error.code ?? error.message}. Give a directory that exists.`, {
      cause: error,
    });
  });
  if (names.length === 0) return;
  throw new BackupError('usage', `${cannot} it is not empty. Give an empty directory.`);
}

/**
 * A restore that is going to fail should do so before it has taken its time. What cannot be looked at is left to
 * {@link createTarget}.
 * @throws BackupError `usage` when the directory is there and holds anything
 */
export async function requireUnusedTarget(target: string): Promise<void> {
  const names = await readdir(target).catch(() => []);
  if (names.length === 0) return;
  throw new BackupError(
    'usage',
    `Cannot restore into ${showControls(target)}: it is not empty. Give an empty directory, or --overwrite to write ` +
      'over the files in it that the snapshot has too.',
  );
}

/** Left free for whatever else writes there: 1 %, and this many bytes. */
const RESERVE_BYTES = 1024 * 1024;

/**
 * @param target a directory, which may be missing still
 * @param needs bytes and inodes
 * @throws BackupError `failed`, with the numbers, where its file system has no room for that
 */
export async function requireRoom(
  target: string,
  needs: { readonly bytes: number; readonly entries: number },
): Promise<void> {
  const { bavail, bsize, ffree, files } = await statfsAbove(target);
  const free = bavail * bsize;
  const needed = Math.ceil(needs.bytes * 1.01) + RESERVE_BYTES;
  const cannot = `Not enough room to restore into ${showControls(target)}:`;
  const advice = 'Nothing was restored. Give a directory on a larger disk with --to, or only a part with --path.';
  if (free < needed) {
    const numbers = `${formatBytes(needed)} are needed, ${formatBytes(free)} are free`;
    const holes = 'Holes of sparse files are counted in full; if you know better: --no-space-check';
    throw new BackupError('failed', `${cannot} ${numbers}. ${advice} ${holes}`);
  }
  // File systems that make inodes as they need them report none at all.
  if (files === 0 || ffree >= needs.entries) return;
  throw new BackupError('failed', `${cannot} ${needs.entries} inodes are needed, ${ffree} are free. ${advice}`);
}

/** Of the file system that the directory is on, or will be. */
async function statfsAbove(path: string): Promise<StatsFs> {
  return statfs(path).catch((error: NodeJS.ErrnoException) => {
    if (path === '/' || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error;
    return statfsAbove(dirname(path));
  });
}
