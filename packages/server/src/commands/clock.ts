// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { StepRecord } from '@local-backup/common/run-record';
import { watchClock } from '../maintenance/clock-watch.ts';
import type { Session } from './session.ts';

/** What a run knows of the server's clock. */
export interface ClockFinding {
  /** Why nothing may be forgotten; undefined where the clock can be believed. */
  readonly problem: string | undefined;
  /** The same for the record of the run. */
  readonly steps: readonly StepRecord[];
}

/**
 * Looks at the server's clock when a run begins, and remembers what it showed. Backups go on with a clock that has
 * jumped, and their record says so; only nothing is forgotten. That it cannot be remembered counts as a jump.
 */
export async function clockFinding(
  { config, log, now }: Session,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<ClockFinding> {
  const seen = now();
  const problem = await watchClock(config.stateDir, seen, config.restic.maintenance.maxClockJumpMs, { dryRun }).catch(
    (error: unknown) => {
      if (!(error instanceof BackupError)) throw error;
      return error.message;
    },
  );
  if (problem === undefined) return { problem, steps: [] };
  log.warn(problem);
  return {
    problem,
    steps: [{ name: 'clock', status: 'warning', started: seen.toISOString(), seconds: 0, message: problem }],
  };
}
