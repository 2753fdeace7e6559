// SPDX-License-Identifier: AGPL-3.0-or-later
import { rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Plugin } from '../plugin.ts';
import type { TaskIo } from '../task-context.ts';
import type { UndoEntry, UndoRestore } from '../undo-journal.ts';
import { withScratch } from '../verify-copy.ts';
import {
  contextOf,
  enter,
  noteStart,
  type RestoreTaskIo,
  type RestoreWork,
  type RestoringTask,
  restoreOf,
  stopTaskAgain,
} from './restore-work.ts';

/** What became of a restore that did not come to its end. */
export interface UndoneRestore {
  /** Tasks whose old state was put back. */
  readonly reverted: readonly string[];
  /** Tasks that were started again. */
  readonly started: readonly string[];
  /** What could not be done, a sentence each. */
  readonly failed: readonly string[];
}

/**
 * Puts the state before the restore back. What is in containers is taken back while they run; then what may have been
 * started is stopped, and the rest taken back: `revert` of the tasks whose `apply` had begun, last first. At the end
 * `start` of those whose `stop` had. One that fails does not keep the others from it. With a signal of its own: what is
 * being put back is put back to the end.
 */
export async function undoRestore(work: RestoreWork, given: RestoreTaskIo): Promise<UndoneRestore> {
  const io = { ...given, signal: new AbortController().signal };
  const [reverted, started, failed]: [string[], string[], string[]] = [[], [], []];
  const attempt = async (task: string, [stage, done]: readonly [string, string[]], act: () => Promise<void>) => {
    try {
      await act();
      done.push(task);
    } catch (error) {
      failed.push(`${task}: ${stage}: ${describeError(error)}`);
    }
  };
  const lastFirst = [...work.tasks].reverse();
  const applied = lastFirst.filter(({ state }) => state.stage === 'applying');
  const late = applied.filter(({ isLate }) => isLate);
  for (const task of late) await attempt(task.state.task, ['revert', reverted], () => revertLate(work, task, io));
  if (applied.length > late.length) await stopAgain(work, io);
  for (const task of applied.filter((one) => !one.isLate)) {
    await attempt(task.state.task, ['revert', reverted], () => task.restore.revert(contextOf(work, task, io)));
  }
  const stopped = lastFirst.filter(({ state, restore }) => state.stage !== 'waiting' && restore.start);
  for (const task of [...stopped.filter((one) => !one.isLate), ...stopped.filter((one) => one.isLate)]) {
    await attempt(task.state.task, ['start', started], () => startInTheEnd(work, task, io));
  }
  if (failed.length === 0) await removeEmptyKept(work);
  return { reverted, started, failed };
}

/** Once it is done it is not tried again: the container is going to be stopped. */
async function revertLate(work: RestoreWork, task: RestoringTask, io: RestoreTaskIo): Promise<void> {
  await task.restore.revert(contextOf(work, task, io));
  await enter(work, task, 'stopping', withLenientJournal(io));
}

/** What was not taken back is tried again by the next run: it has to stop this first. */
async function startInTheEnd(work: RestoreWork, task: RestoringTask, io: RestoreTaskIo): Promise<void> {
  await noteStart(work, task, withLenientJournal(io));
  await task.restore.start?.(contextOf(work, task, io));
}

/** What is noted while a restore is undone only helps where that is killed too: on a full disk it goes on without. */
function withLenientJournal(io: RestoreTaskIo): RestoreTaskIo {
  const write = async (entry: UndoEntry) => {
    await io.journal.write(entry).catch((error: unknown) => io.log.warn(`Not noted: ${describeError(error)}`));
  };
  return { ...io, journal: { ...io.journal, write } };
}

/** In the order of `stop`. Where it cannot be done, the old state is put back all the same: that is what was asked for. */
async function stopAgain(work: RestoreWork, io: RestoreTaskIo): Promise<void> {
  for (const task of work.tasks.filter((one) => one.state.started === true && !one.isLate)) {
    await stopTaskAgain(work, task, io).catch((error: unknown) => {
      io.log.warn(
        `${task.state.task} could not be stopped before the old state is put back, and may have written into it ` +
          `meanwhile. Look at the service: ${describeError(error)}`,
      );
    });
  }
}

/**
 * Undoes a restore that was killed, from what the journal holds of it.
 * @throws BackupError `failed` where a part of it could not be undone: the entry stays, and it is tried again
 */
export async function undoKilledRestore(
  entry: UndoRestore,
  io: TaskIo & { readonly plugins: readonly Plugin[] },
): Promise<void> {
  const { work, missing } = restoreOf(entry, io.plugins);
  await withScratch({ scratchDirectory: tmpdir() }, async (scratch) => {
    const { failed } = await undoRestore(work, { ...io, scratch });
    const lacking = missing.map((plugin) => `this version has no plugin ${plugin}; check the service by hand.`);
    const problems = [...failed, ...lacking];
    if (problems.length > 0) throw new BackupError('failed', problems.join('\n'));
  });
}

/**
 * Removes the directories for what is replaced in which nothing is.
 * @returns the tasks whose directories hold something
 */
export async function removeEmptyKept({ entry }: Pick<RestoreWork, 'entry'>): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const { task, kept: directory } of entry.tasks) {
    if (!(await removeEmpty(directory))) kept.push(task);
  }
  const parents = new Set(entry.tasks.map(({ kept: directory }) => dirname(directory)));
  for (const parent of parents) await removeEmpty(parent);
  return kept;
}

/** @returns false where something is in it; missing counts as removed */
async function removeEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
