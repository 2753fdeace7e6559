// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Plugin } from '../plugin.ts';
import type { TaskIo } from '../task-context.ts';
import type { UndoRestore } from '../undo-journal.ts';
import { contextOf, type RestoreTaskIo, type RestoreWork, restoreOf } from './restore-work.ts';

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
 * Puts the state before the restore back: `revert` of the tasks whose `apply` had begun, last first, then `start` of
 * those whose `stop` had, last first. One that fails does not keep the others from it. With a signal of its own: what is
 * being put back is put back to the end.
 */
export async function undoRestore(work: RestoreWork, given: RestoreTaskIo): Promise<UndoneRestore> {
  const io = { ...given, signal: new AbortController().signal };
  const [reverted, started, failed]: [string[], string[], string[]] = [[], [], []];
  const attempt = async (task: string, done: string[], act: () => Promise<void> | undefined) => {
    try {
      await act();
      done.push(task);
    } catch (error) {
      failed.push(`${task}: ${describeError(error)}`);
    }
  };
  const lastFirst = [...work.tasks].reverse();
  for (const task of lastFirst.filter(({ state }) => state.stage === 'applying')) {
    await attempt(task.state.task, reverted, () => task.restore.revert(contextOf(work, task, io)));
  }
  for (const task of lastFirst.filter(({ state, restore }) => state.stage !== 'waiting' && restore.start)) {
    await attempt(task.state.task, started, () => task.restore.start?.(contextOf(work, task, io)));
  }
  if (failed.length === 0) await removeEmptyKept(work);
  return { reverted, started, failed };
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
  const scratch = await mkdtemp(join(tmpdir(), 'bc-'));
  try {
    const { failed } = await undoRestore(work, { ...io, scratch });
    const lacking = missing.map((plugin) => `this version has no plugin ${plugin}; check the service by hand.`);
    const problems = [...failed, ...lacking];
    if (problems.length > 0) throw new BackupError('failed', problems.join('\n'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
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
