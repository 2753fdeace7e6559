// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { sleep } from '@local-backup/common/sleep';
import { SPOOL_LOCK, SPOOL_LOCK_REFRESH_MS, SPOOL_LOCK_STALE_MS } from '@local-backup/common/spool';
import type { UndoJournal } from './undo-journal.ts';

export interface SpoolLockOptions {
  readonly spool: string;
  /** How often to try again, and how long to wait in between, in milliseconds. */
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly journal: UndoJournal;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export interface SpoolLock {
  /** @throws BackupError when the lock directory cannot be removed: the server would wait for ever. */
  release(): Promise<void>;
}

/**
 * Takes the lock that tells the server to wait. Made with plain mkdir, so that the original shell client and server
 * understand it; kept alive by its mtime. One left by a crash (mtime unchanged for 10 minutes) is taken over in place.
 *
 * @throws BackupError `spool-locked` when somebody else holds it after all retries
 */
export async function acquireSpoolLock(options: SpoolLockOptions): Promise<SpoolLock> {
  const path = join(options.spool, SPOOL_LOCK);
  const entry = { kind: 'spool-lock', path } as const;
  for (let attempt = 0; ; attempt++) {
    if (await tryLock(path, options)) break;
    if (attempt >= options.retries) throw new BackupError('spool-locked', heldMessage(path, attempt + 1));
    options.log.warn(`The spool is locked (${path}); trying again in ${options.retryDelayMs / 1000} s.`);
    await sleep(options.retryDelayMs, options.signal);
  }
  await options.journal.write(entry).catch(async (error: unknown) => {
    await removeSpoolLock(path);
    throw error;
  });
  const refresh = setInterval(() => void touch(path, options), SPOOL_LOCK_REFRESH_MS);
  refresh.unref();
  return {
    async release() {
      clearInterval(refresh);
      await removeSpoolLock(path);
      await options.journal.remove(entry);
    },
  };
}

/** Missing is fine. @throws BackupError with what to do by hand */
export async function removeSpoolLock(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    const message = `CRITICAL: cannot remove the spool lock ${path}: ${String(error)}. Remove it by hand, or the server waits for ever.`;
    throw new BackupError('failed', message, { cause: error });
  }
}

async function tryLock(path: string, { log, now }: SpoolLockOptions): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o770 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new BackupError('failed', `Cannot create the spool lock ${path}: ${String(error)}`, { cause: error });
    }
  }
  const lock = await stat(path).catch(() => undefined);
  if (lock === undefined) return false;
  const age = now().getTime() - lock.mtimeMs;
  if (age < SPOOL_LOCK_STALE_MS) return false;
  log.warn(`Taking over the spool lock ${path}: unchanged for ${Math.round(age / 60_000)} minutes, left by a crash.`);
  await utimes(path, now(), now());
  return true;
}

async function touch(path: string, { log, now }: SpoolLockOptions): Promise<void> {
  try {
    await utimes(path, now(), now());
  } catch (error) {
    log.warn(`Cannot refresh the spool lock ${path}: ${String(error)}`);
  }
}

function heldMessage(path: string, attempts: number): string {
  return (
    `The spool lock ${path} is held by someone else after ${attempts} attempts. Is the original shell client still ` +
    'scheduled on this host? A lock left by a crash is taken over 10 minutes after its last change; to clear it at ' +
    `once make sure that no backup is running and type: rmdir ${path}`
  );
}
