// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { humanDuration } from './report/text.ts';

/** The longest time that a timer of Node can wait; it fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Ends one host, not the run. */
export interface TimeLimit {
  /** Aborted with the run, or when the time is up. */
  readonly signal: AbortSignal;
  /** The error to report when the time was up, else undefined. */
  readonly exceeded: () => BackupError | undefined;
  /** Stops the clock. */
  readonly clear: () => void;
}

/** @param milliseconds undefined: no limit; the signal is that of the run then */
export function createTimeLimit(milliseconds: number | undefined, run: AbortSignal): TimeLimit {
  if (milliseconds === undefined) return { signal: run, exceeded: () => undefined, clear: () => undefined };
  const controller = new AbortController();
  const error = tookTooLong(milliseconds);
  const timer = setTimeout(() => controller.abort(error), Math.min(milliseconds, LONGEST_TIMER_MS));
  return {
    signal: AbortSignal.any([run, controller.signal]),
    exceeded: () => (controller.signal.aborted ? error : undefined),
    clear: () => clearTimeout(timer),
  };
}

function tookTooLong(milliseconds: number): BackupError {
  return new BackupError(
    'failed',
    `The host took longer than ${humanDuration(milliseconds)} (host_time_limit) and was ended. Look at which step took ` +
      'so long; raise the limit or mend the line. The next run does it again.',
  );
}
