// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { RestoreStep } from '../plugin-copy.ts';
import { orderOf } from '../plugin-order.ts';
import type { Service, ServiceTask } from '../service.ts';
import type { CopyIo, ServiceCopy, TaskChecks } from '../verify-copy.ts';
import { verifyServiceCopy } from '../verify-copy.ts';
import { isLate } from './order.ts';
import {
  beginRestore,
  contextOf,
  type RestorableTask,
  type RestoreTaskIo,
  type RestoreWork,
  withoutJournal,
} from './restore-work.ts';
import { removeEmptyKept } from './undo-restore.ts';

/** What one task would do. */
export interface TaskPlan {
  readonly task: string;
  /** Undefined: its plugin puts nothing back. */
  readonly steps: readonly RestoreStep[] | undefined;
  /** Its data comes back when the service has been started. */
  readonly late: boolean;
  /** What runs again can be looked at. */
  readonly verifies: boolean;
}

export interface RestorePlan {
  readonly work: RestoreWork;
  /** In the order of `apply`. */
  readonly tasks: readonly TaskPlan[];
  readonly checks: readonly TaskChecks[];
}

export interface RestoreRequest {
  readonly service: Service;
  readonly copy: ServiceCopy;
  /** Directory for what is replaced. */
  readonly kept: string;
  readonly as: string | undefined;
  /** Key of the only task that is wanted. */
  readonly only: string | undefined;
}

/**
 * Asks every task what it would do, and whether its copy would load. Changes nothing but that it makes the directories
 * for what is replaced: where the restore does not follow, `removeEmptyKept` removes them.
 * @throws BackupError `usage` for a task that is not there, `failed` with everything that is in the way
 */
export async function planRestore(
  request: RestoreRequest,
  io: RestoreTaskIo & Pick<CopyIo, 'plugins' | 'scratchDirectory'>,
): Promise<RestorePlan> {
  const { service, copy, only } = request;
  const wanted = chooseTasks(service, only);
  const work = beginRestore(service, wanted.flatMap(restorable), request);
  // A plan looks whether what is replaced has room there.
  for (const { kept } of work.entry.tasks) await mkdir(kept, { recursive: true, mode: 0o700 });
  try {
    return await planTasks(work, { service, copy, wanted }, io);
  } catch (error) {
    await removeEmptyKept(work);
    throw error;
  }
}

interface Planned {
  readonly service: Service;
  readonly copy: ServiceCopy;
  readonly wanted: readonly ServiceTask[];
}

async function planTasks(
  work: RestoreWork,
  { service, copy, wanted }: Planned,
  io: RestoreTaskIo & Pick<CopyIo, 'plugins' | 'scratchDirectory'>,
): Promise<RestorePlan> {
  const tasks: TaskPlan[] = [];
  const problems: string[] = [];
  for (const { key, plugin, options } of wanted.filter(hasContent)) {
    const task = work.tasks.find(({ state }) => state.task === key);
    try {
      io.signal.throwIfAborted();
      const steps = task && (await task.restore.plan(contextOf(work, task, withoutJournal(io))));
      const verifies = task?.restore.verify !== undefined;
      tasks.push({ task: key, steps, late: isLate(plugin, options), verifies });
    } catch (error) {
      io.signal.throwIfAborted();
      problems.push(`${key} (${plugin.name}): ${describeError(error)}`);
    }
  }
  const checks = await verifyServiceCopy(copy, { ...service, tasks: wanted }, 'quick', io);
  problems.push(...failuresOf(checks));
  if (problems.length > 0) throw inTheWay(service, problems);
  if (work.tasks.length === 0) throw nothingToDo(service, wanted);
  return { work, tasks, checks };
}

/** In the order of `prepare`: containers and units stop first and start last. */
function chooseTasks({ name, tasks }: Service, only: string | undefined): readonly ServiceTask[] {
  const chosen = only === undefined ? tasks : tasks.filter(({ key }) => key === only);
  if (chosen.length === 0) {
    const known = tasks.map(({ key }) => key).join(', ');
    throw new BackupError('usage', `The service ${name} has no task ${only ?? ''}. It has: ${known}`);
  }
  return [...chosen].sort((a, b) => orderOf(a.plugin) - orderOf(b.plugin));
}

function restorable(task: ServiceTask): readonly RestorableTask[] {
  const { restore } = task.plugin;
  return restore === undefined ? [] : [{ ...task, restore }];
}

/** Commands around the others, for example, are no part of a restore. */
function hasContent({ plugin }: ServiceTask): boolean {
  return plugin.restore !== undefined || plugin.savesNothing !== true;
}

function failuresOf(checks: readonly TaskChecks[]): readonly string[] {
  return checks.flatMap(({ task, checks: done }) =>
    done
      .filter(({ status }) => status === 'failed')
      .map(({ name, message }) => `${task}: the copy is not good: ${name}: ${message}`),
  );
}

function inTheWay({ type, name }: Service, problems: readonly string[]): BackupError {
  const list = problems.map((problem) => `  - ${problem.replaceAll('\n', '\n    ')}`).join('\n');
  return new BackupError(
    'failed',
    `${type}/${name} cannot be restored as things are; nothing was changed:\n${list}\n` +
      'One task alone: --only TASK. The files as they were saved: --to DIR.',
  );
}

function nothingToDo({ type, name }: Service, tasks: readonly ServiceTask[]): BackupError {
  const keys = tasks.map(({ key }) => key).join(', ');
  return new BackupError(
    'failed',
    `Nothing of ${type}/${name} (${keys}) can be put back by itself. Take the files with --to DIR; the plugin's ` +
      'page in /usr/share/doc/backup-client/plugins/ tells how to put them back by hand.',
  );
}
