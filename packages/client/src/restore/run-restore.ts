// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import type { TaskChecks } from '../verify-copy.ts';
import { type BuiltIn, formatNumber, orderStages, type Stage, type UserStep } from './order.ts';
import {
  contextOf,
  enter,
  noteStart,
  type RestoreTaskIo,
  type RestoreWork,
  type RestoringTask,
} from './restore-work.ts';
import { removeEmptyKept, type UndoneRestore, undoRestore } from './undo-restore.ts';
import { runUserStep } from './user-steps.ts';
import { requireProven, type VerifyingIo, verifyRestored } from './verify-restored.ts';

/** How a restore came to its end. */
export interface FinishedRestore {
  readonly warnings: readonly string[];
  /** Tasks that have replaced something, which is kept. */
  readonly kept: readonly string[];
  /** What was found of what runs again, of every task. */
  readonly proofs: readonly TaskChecks[];
}

/**
 * Does what the plan has shown: stop, put back, start, verify, with the user's steps in between. When one fails, or the run
 * is to end, the state before is put back and the service started; what cannot be undone now stays in the journal for
 * `backup-client recover`.
 *
 * @throws BackupError `failed` telling what is as it was before and what is not, or what the signal was aborted with once everything has been put back
 */
export async function runRestore(
  work: RestoreWork,
  steps: readonly UserStep[],
  io: VerifyingIo,
): Promise<FinishedRestore> {
  await io.journal.write(work.entry);
  const [warnings, proofs]: [string[], TaskChecks[]] = [[], []];
  const run: StageRun = { work, warnings, proofs, io, step: '' };
  try {
    for (const stage of orderStages(
      steps,
      work.tasks.some(({ isLate }) => isLate),
    ))
      await runStage(stage, run);
  } catch (error) {
    await giveUp(work, run.step, { error, io });
  }
  // From here on the restore has succeeded: nothing of it is undone any more.
  await io.journal.remove(work.entry);
  return { warnings, kept: await removeEmptyKept(work), proofs };
}

interface StageRun {
  readonly work: RestoreWork;
  readonly warnings: string[];
  readonly proofs: TaskChecks[];
  readonly io: VerifyingIo;
  /** Where the restore is, for the message of a failure. */
  step: string;
}

async function runStage(stage: Stage, run: StageRun): Promise<void> {
  const { work, io } = run;
  const number = formatNumber(stage.number);
  if (stage.kind === 'user') {
    run.step = `step ${stage.step.name} of restore.d`;
    io.signal.throwIfAborted();
    io.log.info(`${number} ${stage.step.name}`);
    return runUserStep(stage.step, stepFacts(work), io);
  }
  if (stage.kind === 'verify') {
    run.step = `${number} verify`;
    run.proofs.push(...(await verifyRestored(work, io)));
    requireProven(run.proofs);
    return;
  }
  for (const task of tasksOf(stage.kind, work.tasks)) {
    run.step = `${number} ${stage.kind}, ${task.state.task}`;
    io.signal.throwIfAborted();
    if (acts(stage.kind, task)) io.log.info(`${number} ${stage.kind}: ${task.state.task}`);
    await doTask(stage.kind, task, run);
  }
}

async function doTask(kind: TaskStage, task: RestoringTask, { work, warnings, io }: StageRun): Promise<void> {
  if (kind === 'start') return startTask(work, task, io);
  const context = contextOf(work, task, io);
  // On disk before it acts: whatever happens now, the next run knows what has to be undone.
  await enter(work, task, kind === 'stop' ? 'stopping' : 'applying', io);
  if (kind === 'stop') return task.restore.stop?.(context);
  warnings.push(...(await task.restore.apply(context)).map((text) => `${task.state.task}: ${text}`));
  if (kind === 'load') await startTask(work, task, io);
}

async function startTask(work: RestoreWork, task: RestoringTask, io: RestoreTaskIo): Promise<void> {
  if (task.restore.start === undefined) return;
  await noteStart(work, task, io);
  await task.restore.start(contextOf(work, task, io));
}

/** What is done for one task after the other. */
type TaskStage = Exclude<BuiltIn, 'verify'>;

/** The tasks of a stage, in its order. */
function tasksOf(kind: TaskStage, tasks: readonly RestoringTask[]): readonly RestoringTask[] {
  if (kind === 'stop') return tasks;
  if (kind === 'load') return tasks.filter(({ isLate }) => isLate);
  const early = tasks.filter(({ isLate }) => !isLate);
  return kind === 'start' ? early.reverse() : early;
}

/** Whether a task does anything in a stage. */
function acts(kind: TaskStage, { restore }: RestoringTask): boolean {
  return !(kind === 'stop' || kind === 'start') || restore[kind] !== undefined;
}

/** What a step of the user's reads from its standard input. */
function stepFacts({ entry }: RestoreWork): object {
  const { service, copy, as, tasks } = entry;
  return {
    service: `${service.type}/${service.name}`,
    config_directory: service.configDirectory,
    copy,
    as: as ?? null,
    tasks: tasks.map(({ task, facts, kept }) => ({ task, facts, kept })),
  };
}

async function giveUp(
  work: RestoreWork,
  step: string,
  { error, io }: { readonly error: unknown; readonly io: RestoreTaskIo },
): Promise<never> {
  io.log.warn(`Putting back the state before the restore, because ${step} did not succeed ...`);
  const undone = await undoRestore(work, io);
  if (undone.failed.length === 0) {
    await io.journal.remove(work.entry);
    io.signal.throwIfAborted();
  }
  throw new BackupError('failed', failureText(step, undone, error), { cause: error });
}

function failureText(step: string, { reverted, started, failed }: UndoneRestore, cause: unknown): string {
  return [
    `The restore failed at ${step}: ${describeError(cause)}`,
    ...(reverted.length + failed.length === 0 ? ['Nothing had been replaced yet.'] : []),
    ...(reverted.length === 0 ? [] : [`As it was before: ${reverted.join(', ')}.`]),
    ...(started.length === 0 ? [] : [`Started again: ${started.join(', ')}.`]),
    ...failed.map((problem) => `NOT put back: ${problem}`),
    ...(failed.length === 0 ? [] : ['When what is in the way is gone: backup-client recover']),
  ].join('\n');
}
