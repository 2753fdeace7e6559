// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, InterruptedError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { StepRecord } from '@local-backup/common/run-record';

/** Records the steps of one host as they happen. One of the four places that catch errors: records, then rethrows. */
export interface Trail {
  readonly steps: readonly StepRecord[];
  /** Runs `work` as a named step and records how it went. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Something was odd though the step could be done. */
  warn(name: string, message: string): void;
  /** Something that people should read though all is well. */
  note(name: string, message: string): void;
  /** There is nothing to do, for the reason that `code` names. */
  skip(name: string, code: string, message: string): void;
}

/** The step was ended by SIGTERM: another exit code than that of SIGINT, `interrupted`. */
export const TERMINATED = 'terminated';

/** What a record says about an error in one word. An error that a signal has led to has that as its cause. */
export function stepCodeOf(error: unknown): string {
  if (!(error instanceof BackupError)) return 'internal';
  const signal = [error, error.cause].find((one) => one instanceof InterruptedError);
  return signal?.signal === 'SIGTERM' ? TERMINATED : error.code;
}

export function createTrail(log: Log, now: () => Date): Trail {
  const steps: StepRecord[] = [];
  const mention = (name: string, outcome: Pick<StepRecord, 'status' | 'message' | 'code'>) => {
    steps.push({ name, started: now().toISOString(), seconds: 0, ...outcome });
  };
  return {
    steps,
    async step(name, work) {
      const started = now();
      const record = (outcome: Pick<StepRecord, 'status' | 'message' | 'code'>) => {
        const seconds = (now().getTime() - started.getTime()) / 1000;
        steps.push({ name, started: started.toISOString(), seconds: Math.max(0, seconds), ...outcome });
      };
      log.debug(`${name} ...`, { step: name });
      try {
        const result = await work();
        record({ status: 'success' });
        return result;
      } catch (error) {
        const known = error instanceof BackupError;
        const message = error instanceof Error ? error.message : String(error);
        record({
          status: 'failed',
          message: known ? message : `internal error: ${message}`,
          code: stepCodeOf(error),
        });
        throw error;
      }
    },
    warn(name, message) {
      log.warn(message, { step: name });
      mention(name, { status: 'warning', message });
    },
    note(name, message) {
      log.info(message, { step: name });
      mention(name, { status: 'success', message });
    },
    skip(name, code, message) {
      log.warn(`${code}: ${message}`, { step: name });
      mention(name, { status: 'skipped', message, code });
    },
  };
}
