// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stampOf } from './archive-name.ts';
import { BackupError } from './errors.ts';

export interface RunLogOptions {
  readonly directory: string;
  readonly program: string;
  readonly now: Date;
  /** Logs of failed runs that are kept, this one included. Default 20. */
  readonly keep?: number;
}

/** A file with all that a run has said, for the admin who looks into a failure (C07). */
export interface RunLog {
  readonly path: string;
  /** To be given to `createLog`. A full disk makes the log incomplete, it does not end the run. */
  readonly write: (text: string) => void;
  /** Removes the log of a run that went well. Keeps that of another: the text says where it is, for the last line. */
  readonly close: (succeeded: boolean) => Promise<string | undefined>;
}

/**
 * Opens the run log, readable for its owner alone, and removes the oldest ones of the same program. A run that is killed
 * leaves its log behind, which is as wanted.
 *
 * @throws BackupError `failed` where the directory cannot be written to
 */
export async function openRunLog({ directory, program, now, keep = 20 }: RunLogOptions): Promise<RunLog> {
  const prefix = `local_backup_log.${program}.`;
  const path = join(directory, `${prefix}${stampOf(now)}-${randomBytes(3).toString('hex')}`);
  const descriptor = await openExclusively(directory, path);
  await removeOldest(directory, prefix, keep);
  let problem: string | undefined;
  return {
    path,
    write: (text) => {
      if (problem !== undefined) return;
      try {
        writeSync(descriptor, text);
      } catch (error) {
        problem = reasonOf(error);
      }
    },
    close: async (succeeded) => {
      closeSync(descriptor);
      if (!succeeded) return `Full log of this run: ${path}${problem === undefined ? '' : ` (incomplete: ${problem})`}`;
      await rm(path, { force: true });
      return undefined;
    },
  };
}

async function openExclusively(directory: string, path: string): Promise<number> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new BackupError('failed', `Cannot write the log of this run, ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Names sort by time. */
async function removeOldest(directory: string, prefix: string, keep: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of names.slice(0, Math.max(0, names.length - keep))) await rm(join(directory, name), { force: true });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
