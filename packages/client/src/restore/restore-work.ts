// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Memo, Plugin } from '../plugin.ts';
import type { RestoreContext, TaskRestore } from '../plugin-copy.ts';
import type { Service, ServiceTask } from '../service.ts';
import type { TaskIo } from '../task-context.ts';
import type { UndoRestore, UndoRestoreTask } from '../undo-journal.ts';
import { factsOf, type ServiceCopy } from '../verify-copy.ts';
import { isLate } from './order.ts';

export interface RestoreTaskIo extends TaskIo {
  /** A directory for scratch directories, with a path of at most 51 characters: sockets are made in them. */
  readonly scratch: string;
}

/** A task that can be put back. */
export interface RestorableTask extends ServiceTask {
  readonly restore: TaskRestore;
}

/** One task of a restore under way. */
export interface RestoringTask {
  /** What the undo journal holds of it; changed as the restore goes on. */
  readonly state: UndoRestoreTask;
  readonly restore: TaskRestore;
  /** Its data is in a container. */
  readonly isLate: boolean;
}

/** A restore of one service, as the undo journal has it. */
export interface RestoreWork {
  readonly entry: UndoRestore;
  /** In the order of `apply`. */
  readonly tasks: readonly RestoringTask[];
}

/** @param kept directory that each task gets one of its own in */
export function beginRestore(
  service: Service,
  tasks: readonly RestorableTask[],
  { copy, kept, as }: { readonly copy: ServiceCopy; readonly kept: string; readonly as: string | undefined },
): RestoreWork {
  const { name, type, configDirectory } = service;
  const states = tasks.map((task): UndoRestoreTask => {
    const facts = { ...factsOf(copy, task.plugin) };
    const directory = join(kept, encodeURIComponent(task.key));
    const { key, plugin, options } = task;
    return { task: key, plugin: plugin.name, options, facts, kept: directory, stage: 'waiting' };
  });
  const entry: UndoRestore = {
    kind: 'restore',
    service: { name, type, configDirectory },
    copy: copy.directory,
    ...(as === undefined ? {} : { as }),
    tasks: states,
  };
  const restoring = tasks.map(({ restore, plugin, options }, at): RestoringTask => {
    return { state: states[at] as UndoRestoreTask, restore, isLate: isLate(plugin, options) };
  });
  return { entry, tasks: restoring };
}

/** The restore that a journal entry tells of; tasks whose plugin this version lacks are named in `missing`. */
export function restoreOf(entry: UndoRestore, plugins: readonly Plugin[]) {
  const tasks: RestoringTask[] = [];
  const missing: string[] = [];
  for (const state of entry.tasks) {
    const plugin = plugins.find(({ name }) => name === state.plugin);
    if (plugin?.restore !== undefined)
      tasks.push({ state, restore: plugin.restore, isLate: isLate(plugin, state.options) });
    else if (state.stage !== 'waiting') missing.push(state.plugin);
  }
  return { work: { entry, tasks } satisfies RestoreWork, missing };
}

/** Writes down how far a task has come, before it goes there. */
export async function enter(
  { entry }: RestoreWork,
  { state }: RestoringTask,
  stage: UndoRestoreTask['stage'],
  { journal }: Pick<TaskIo, 'journal'>,
): Promise<void> {
  state.stage = stage;
  await journal.write(entry);
}

/** Writes down that a task may be running from now on. */
export async function noteStart(
  { entry }: RestoreWork,
  { state }: RestoringTask,
  { journal }: Pick<TaskIo, 'journal'>,
): Promise<void> {
  state.started = true;
  await journal.write(entry);
}

/**
 * Stops once more what was started, so that nothing runs while it is taken back. What `stop` remembers now is of no use:
 * what ran before the restore is what it has remembered first, and that is what is started in the end.
 */
export async function stopTaskAgain(work: RestoreWork, task: RestoringTask, io: RestoreTaskIo): Promise<void> {
  let memo: Memo | undefined;
  await task.restore.stop?.({
    ...contextOf(work, task, io),
    remember: async (value) => {
      memo = value;
    },
    remembered: () => memo,
  });
}

/** What the core gives to the parts of a restore. */
export function contextOf({ entry }: RestoreWork, { state }: RestoringTask, io: RestoreTaskIo): RestoreContext {
  const { exec, tools, signal } = io;
  return {
    service: entry.service,
    options: state.options,
    copy: entry.copy,
    facts: state.facts,
    ...{ exec, tools, signal },
    log: io.log.child({ service: entry.service.name, task: state.task }),
    // A new one for every call: what an earlier one has left is in nobody's way.
    scratch: mkdtempSync(join(io.scratch, 't-')),
    level: 'quick',
    kept: state.kept,
    as: entry.as,
    async remember(memo) {
      // Whatever happens now, the next run or `backup-client recover` knows it.
      await io.journal.write({
        ...entry,
        tasks: entry.tasks.map((task) => (task === state ? { ...task, memo: { ...memo } } : task)),
      });
      state.memo = { ...memo };
    },
    remembered: () => state.memo,
  };
}

/** For `plan` and `verify`, which change nothing. */
export function withoutJournal<Io extends TaskIo>(io: Io): Io {
  const refuse = async () => {
    throw new BackupError('failed', 'what only looks has to change nothing, so it remembers nothing either.');
  };
  return { ...io, journal: { ...io.journal, write: refuse } };
}
