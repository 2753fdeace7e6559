// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseDuration } from './duration.ts';
import { BackupError } from './errors.ts';
import { withInstanceLock } from './instance-lock.ts';
import type { Log } from './log.ts';
import { sleep } from './sleep.ts';

/** A lock that is held is looked at again after this, and then less and less often. Milliseconds. */
const FIRST_LOOK_MS = 100;
const LATER_LOOKS_MS = 2_000;

/** The lock of a program, and the name that it is known by in messages. */
export interface NamedLock {
  readonly path: string;
  readonly program: string;
}

export interface WaitForLock {
  /** 0: do not wait. Milliseconds. */
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Milliseconds of what `--wait` was given; 0 without it. @throws BackupError `usage` where it is no time */
export function waitOf(text: string | undefined): number {
  if (text === undefined) return 0;
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError('usage', `--wait: ${error.message}`, { cause: error });
  }
}

/**
 * As `withInstanceLock`, but lets another instance end first: a run of the timer must not be left out because somebody, or
 * another timer, has begun one a minute ago.
 *
 * @throws BackupError `locked` where the other instance is still at work when the time is over; what `work` throws
 */
export async function withLockInTurn<Result>(
  { path, program }: NamedLock,
  { waitMs, signal, log }: WaitForLock,
  work: (lost: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + waitMs;
  for (let attempt = 0; ; attempt += 1) {
    let begun = false;
    try {
      return await withInstanceLock(path, program, (lost) => {
        begun = true;
        return work(lost);
      });
    } catch (error) {
      const left = deadline - performance.now();
      if (begun || left <= 0 || !(error instanceof BackupError) || error.code !== 'locked') throw error;
      if (attempt === 0) {
        const who = /PID \d+/.exec(error.message)?.[0] ?? `see ${path}`;
        log.info(`Another instance is at work (${who}): waiting until it has ended.`);
      }
      await sleep(Math.min(FIRST_LOOK_MS * 2 ** attempt, LATER_LOOKS_MS, Math.max(1, left)), signal);
    }
  }
}
