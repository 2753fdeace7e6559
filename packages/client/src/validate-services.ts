// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import type { Stuck } from './recover.ts';
import type { Service, ServiceTask } from './service.ts';
import { createTaskContext, type TaskIo, undoEntryOf } from './task-context.ts';
import { failedService } from './task-progress.ts';
import type { UndoEntry } from './undo-journal.ts';

/** Services that can be saved, and those that can not. */
export interface ValidatedServices {
  readonly services: readonly Service[];
  /** What tasks said to services that can be saved: for `check` and dry runs. A run reports what it finds itself. */
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  readonly rejected: readonly ManifestService[];
}

/**
 * Asks every task of every service whether it can be done, before the first service is touched: a typo is found before
 * the database is stopped. Nothing is changed.
 *
 * @param stuck what a killed run has left and `recover` could not undo: such a service is not touched again, because
 *   its `prepare` would forget what has to be started
 */
export async function validateServices(
  services: readonly Service[],
  stuck: readonly Stuck[],
  io: TaskIo & { readonly now: () => Date },
): Promise<ValidatedServices> {
  const valid: Service[] = [];
  const advice = new Map<Service, readonly string[]>();
  const rejected: ManifestService[] = [];
  for (const service of services) {
    const { failures, warnings } = await validateService(service, stuck, io);
    advice.set(service, warnings);
    if (failures.length === 0) valid.push(service);
    else rejected.push(failedService(service, [...failures, ...service.warnings, ...warnings], io.now()));
    for (const failure of failures) io.log.error(failure, { service: service.name });
  }
  return { services: valid, advice, rejected };
}

async function validateService(service: Service, stuck: readonly Stuck[], io: TaskIo) {
  const failures = stuck.filter(({ entry }) => isOf(entry, service)).map(({ message }) => stuckMessage(message));
  const warnings: string[] = [];
  if (service.tasks.length === 0) failures.push(`${service.file}: no task that can be done: nothing would be saved.`);
  for (const task of service.tasks) {
    try {
      warnings.push(...(await validateTask(service, task, io)));
    } catch (error) {
      io.signal.throwIfAborted();
      failures.push(`${service.file}: ${task.key}: ${describeError(error)}`);
    }
  }
  return { failures, warnings };
}

async function validateTask(service: Service, task: ServiceTask, io: TaskIo): Promise<readonly string[]> {
  const context = createTaskContext(undoEntryOf(service, task), service.configDirectory, io);
  return (await task.plugin.validate?.(context)) ?? [];
}

function isOf(entry: UndoEntry | undefined, service: Service): boolean {
  return entry?.kind === 'task' && entry.service.name === service.name && entry.service.type === service.type;
}

function stuckMessage(message: string): string {
  return (
    `Not touched, because an earlier run could not put it back: ${message}. Correct the service.yaml, or put it back by ` +
    'hand and type: backup-client recover --done TYPE/NAME'
  );
}
