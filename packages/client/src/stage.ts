// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdir, mkdtemp, readdir, stat, statfs, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { removeOwn } from './remove-own.ts';

/** Name of the work directory inside the spool, as the original had it: `backup.<program>.XXXXXX` (C21). */
const WORK_PREFIX = 'backup.backup-client.';

/** Creates the run's work directory, mode 0700, inside the spool. */
export async function createWorkDirectory(spool: string): Promise<string> {
  return mkdtemp(join(spool, WORK_PREFIX));
}

/** Creates `<work>/<type>/<service>`, mode 0700. */
export async function createStage(work: string, service: { type: string; name: string }): Promise<string> {
  const stage = join(work, service.type, service.name);
  await mkdir(stage, { recursive: true, mode: 0o700 });
  return stage;
}

/** Puts a copy of the service.yaml into the stage, as `config_used/`, so that an archive tells how it was made (C23). */
export async function stageConfig(stage: string, file: string): Promise<void> {
  const directory = join(stage, 'config_used');
  const copy = join(directory, basename(file));
  await mkdir(directory, { mode: 0o700 });
  await copyFile(file, copy);
  // The time of the original: a file that nobody has changed must not look changed in every snapshot.
  const { atime, mtime } = await stat(file);
  await utimes(copy, atime, mtime);
}

/**
 * Work directories of earlier runs. Called with the instance lock held, so that none of them can be in use.
 * @param needed paths below those that have to stay
 * @returns the paths that were removed
 */
export async function sweepWorkDirectories(
  spool: string,
  log: Pick<Log, 'error'>,
  needed: readonly string[] = [],
): Promise<readonly string[]> {
  const names = (await readdir(spool)).filter((name) => name.startsWith(WORK_PREFIX));
  const paths = names
    .map((name) => join(spool, name))
    .filter((path) => !needed.some((one) => one.startsWith(`${path}/`)));
  const removed: string[] = [];
  for (const path of paths) {
    await removeOwn(path).then(
      () => removed.push(path),
      (error: unknown) => log.error(describeError(error)),
    );
  }
  return removed;
}

/** @throws BackupError when fewer than `minimum` bytes are free where `directory` is */
export async function requireFreeSpace(directory: string, minimum: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= minimum) return;
  throw new BackupError(
    'failed',
    `Not enough free space in ${directory}: ${formatBytes(free)} free, min_free_space_mb demands ${formatBytes(minimum)}. ` +
      'Free some space, lower keep_days, or move base_backup_dir to a larger file system.',
  );
}
