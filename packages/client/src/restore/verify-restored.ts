// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Check } from '../plugin-copy.ts';
import type { TaskChecks } from '../verify-copy.ts';
import { contextOf, type RestoreTaskIo, type RestoreWork, type RestoringTask, withoutJournal } from './restore-work.ts';

export interface VerifyingIo extends RestoreTaskIo {
  /** Most that looking at one task may take, in milliseconds: `task_timeout`. */
  readonly taskTimeoutMs: number;
}

/**
 * Asks every task about what runs again on this host, in the order in which they were started. All of them are asked, so
 * that everything that is wrong is told at once.
 * @throws what the signal was aborted with
 */
export async function verifyRestored(work: RestoreWork, io: VerifyingIo): Promise<readonly TaskChecks[]> {
  const early = work.tasks.filter(({ isLate }) => !isLate).reverse();
  const results: TaskChecks[] = [];
  for (const task of [...early, ...work.tasks.filter(({ isLate }) => isLate)]) {
    io.signal.throwIfAborted();
    if (task.restore.verify !== undefined) io.log.info(`80 verify: ${task.state.task}`);
    const checks = await look(work, task, io);
    for (const check of checks.filter(({ status }) => status !== 'ok')) io.log.warn(describeCheck(task, check));
    results.push({ task: task.state.task, checks });
  }
  return results;
}

async function look(work: RestoreWork, task: RestoringTask, io: VerifyingIo): Promise<readonly Check[]> {
  const limit = AbortSignal.timeout(io.taskTimeoutMs);
  const signal = AbortSignal.any([io.signal, limit]);
  try {
    const checks = await task.restore.verify?.(contextOf(work, task, withoutJournal({ ...io, signal })));
    // What was cut short has not seen all.
    signal.throwIfAborted();
    return checks ?? [];
  } catch (error) {
    io.signal.throwIfAborted();
    const why = limit.aborted ? 'it took longer than `task_timeout` of client_config.yml' : describeError(error);
    return [{ name: task.state.task, status: 'failed', message: `could not be looked at: ${why}` }];
  }
}

function describeCheck({ state }: RestoringTask, { name, status, message }: Check): string {
  const found = status === 'failed' ? 'not as it should be' : 'not looked at';
  return `${state.task}: ${found}: ${showControls(name)}: ${showControls(message)}`;
}

/** What programs have said may have several lines. */
function indented(message: string): string {
  return message
    .split('\n')
    .map((line) => showControls(line))
    .join('\n    ');
}

/** @throws BackupError `failed` with every check that failed */
export function requireProven(proofs: readonly TaskChecks[]): void {
  const failed = proofs.flatMap(({ task, checks }) =>
    checks
      .filter(({ status }) => status === 'failed')
      .map(({ name, message }) => `  - ${task}: ${showControls(name)}: ${indented(message)}`),
  );
  if (failed.length === 0) return;
  throw new BackupError('failed', `what runs again is not what was put back:\n${failed.join('\n')}`);
}
