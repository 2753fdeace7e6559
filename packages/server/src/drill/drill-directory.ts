// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HOSTNAME_PATTERN } from '@local-backup/common/archive-name';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';

/** Where drills restore to. Every drill has a directory of its own in there: `<host>-<16 hex digits>`. */
export interface DrillDirectory {
  /**
   * Makes a directory for one drill, does `work` with it, and removes it whatever came of it, signals included.
   * @param onLeft gets why it could not be removed; the next drill tries again
   */
  withTarget<Result>(
    host: string,
    work: (target: string) => Promise<Result>,
    onLeft: (problem: string) => void,
  ): Promise<Result>;
  /** Removes what drills that were killed have left. What cannot be removed is told in the log. */
  sweep(): Promise<void>;
}

const RANDOM_DIGITS = 16;

/** What a drill puts into its directory. */
export const TREE = 'tree';
export const SANDBOX = 'sandbox';
export const SCRATCH = 'scratch';

const OWN_NAMES: readonly string[] = [TREE, SANDBOX, SCRATCH];

/** Removing millions of files from a slow disk. */
const REMOVE_TIMEOUT_MS = 2 * 60 * 60_000;

/**
 * @param options.create make the directory where it is missing; else that is an error: it may be a disk that is not mounted
 * @throws BackupError `config` where the directory is missing, no directory, or others may write to it
 */
export async function openDrillDirectory(
  directory: string,
  { create, run, log }: { readonly create: boolean; readonly run: Run; readonly log: Log },
): Promise<DrillDirectory> {
  if (create) await mkdir(directory, { mode: 0o700 }).catch(ignoreExisting);
  await requireOwn(directory);
  const remove = async (target: string) => {
    await run('rm', ['-rf', '--one-file-system', '--', target], { timeoutMs: REMOVE_TIMEOUT_MS });
  };
  return {
    async withTarget(host, work, onLeft) {
      const target = join(directory, `${host}-${randomBytes(RANDOM_DIGITS / 2).toString('hex')}`);
      await makeDirectory(target);
      try {
        return await work(target);
      } finally {
        await remove(target).catch((error: unknown) => onLeft(leftText(target, error)));
      }
    },
    async sweep() {
      for (const target of await leftIn(directory)) {
        if (!(await isDrill(target))) {
          log.warn(`${target} is called like what drills leave, but there are other things in it: it was left alone`);
          continue;
        }
        const user = await restoringInto(target);
        if (user !== undefined) {
          log.warn(
            `process ${user}, left by a drill that was killed, is still restoring into ${target}; the next drill removes it`,
          );
          continue;
        }
        log.info(`removing what a drill that was killed has left: ${target}`);
        await remove(target).catch((error: unknown) => log.warn(leftText(target, error)));
      }
    },
  };
}

/** @throws BackupError `failed` */
export async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    const hint = 'Is the disk that drill.directory is on full, or read-only?';
    throw new BackupError('failed', `Cannot create ${directory}: ${cause.message}. ${hint}`, { cause });
  });
}

function leftText(target: string, error: unknown): string {
  return `${target} could not be removed and takes up space: ${describeError(error)} The next drill tries again.`;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code === 'EEXIST') return;
  throw new BackupError('config', `Cannot create drill.directory: ${error.message}`, { cause: error });
}

/** Somebody who can write in there could swap a directory for another while it is removed. */
async function requireOwn(directory: string): Promise<void> {
  const found = await lstat(directory).catch(() => undefined);
  if (found === undefined) {
    const hint = `Mount its disk, or create it: install -d -m 0700 ${directory}`;
    throw new BackupError('config', `${directory} (drill.directory) does not exist. ${hint}`);
  }
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0) return;
  const hint = `Give one that only root can write to: chown root ${directory}; chmod 0700 ${directory}`;
  throw new BackupError('config', `${directory} (drill.directory) is no directory of root's own. ${hint}`);
}

/** Directories, not links to some, whose names only a drill gives. */
async function leftIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { withFileTypes: true });
  return names.filter((name) => name.isDirectory() && isTargetName(name.name)).map(({ name }) => join(directory, name));
}

/** What is called so by chance is not ours to remove. */
async function isDrill(target: string): Promise<boolean> {
  const names = await readdir(target).catch(() => undefined);
  return names?.every((name) => OWN_NAMES.includes(name)) ?? false;
}

function isTargetName(name: string): boolean {
  const [, host = '', random] = /^(.+)-([0-9a-f]{16})$/.exec(name) ?? [];
  return random !== undefined && HOSTNAME_PATTERN.test(host);
}

/** Outside systemd, restic outlives a `kill -9` of the program that has started it. */
async function restoringInto(target: string): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.some((word) => word === target || dirname(word) === target)) return pid;
  }
  return undefined;
}
