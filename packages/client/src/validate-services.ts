// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { describeError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import type { Stuck } from './recover.ts';
import type { Service, ServiceTask } from './service.ts';
import { createTaskContext, type TaskIo, undoEntryOf } from './task-context.ts';
import { failedService } from './task-progress.ts';
import { sharedPath } from './tree-overlaps.ts';

/** Something that is not as it should be with a service. */
export interface Finding {
  /** Key of the task that it is about; undefined: the service as a whole. */
  readonly task: string | undefined;
  /** The service cannot be saved; else a warning. */
  readonly isFailure: boolean;
  /** Begins with `FILE:LINE:COLUMN` where a task is meant. */
  readonly message: string;
}

/** Services that can be saved, and those that can not. */
export interface ValidatedServices {
  readonly services: readonly Service[];
  /** What tasks said to services that can be saved: for `check` and dry runs. A run reports what it finds itself. */
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  readonly rejected: readonly ManifestService[];
  /** What was found about each service, of both kinds. */
  readonly findings: ReadonlyMap<Service, readonly Finding[]>;
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
  const findings = new Map<Service, readonly Finding[]>();
  for (const service of services) {
    const found = [...(await validateService(service, stuck, io)), ...savedTwice(service, services)];
    const failures = found.filter(({ isFailure }) => isFailure).map(({ message }) => message);
    const warnings = found.filter(({ isFailure }) => !isFailure).map(({ message }) => message);
    findings.set(service, found);
    advice.set(service, warnings);
    if (failures.length === 0) valid.push(service);
    else rejected.push(failedService(service, [...failures, ...service.warnings, ...warnings], io.now()));
    for (const failure of failures) io.log.error(failure, { service: service.name });
  }
  return { services: valid, advice, rejected, findings };
}

async function validateService(service: Service, stuck: readonly Stuck[], io: TaskIo): Promise<readonly Finding[]> {
  const findings: Finding[] = stuck
    .filter((one) => one.service === `${service.type}/${service.name}`)
    .map(({ message }) => ({ task: undefined, isFailure: true, message: stuckMessage(message) }));
  if (service.tasks.length === 0) {
    const message = `${service.file}: no task that can be done: nothing would be saved.`;
    findings.push({ task: undefined, isFailure: true, message });
  }
  for (const task of service.tasks) {
    const add = (isFailure: boolean) => (text: string) => {
      const message = `${task.where ?? service.file}: ${task.key}: ${text}`;
      findings.push({ task: task.key, isFailure, message });
    };
    try {
      for (const warning of await validateTask(service, task, io)) add(false)(warning);
    } catch (error) {
      io.signal.throwIfAborted();
      add(true)(describeError(error));
    }
  }
  return findings;
}

/**
 * What an earlier service reads too; a warning, for it may be meant. Within a service, a run tells of it: only then is
 * known where the volumes of containers are.
 */
function savedTwice(service: Service, services: readonly Service[]): readonly Finding[] {
  const before = services.slice(0, services.indexOf(service));
  return service.tasks.flatMap((task) => {
    const shared = before.flatMap((other) =>
      other.tasks.flatMap((one) => {
        const paths = pathsInBoth(task, one);
        return paths.length === 0
          ? []
          : [`${paths.map(showControls).join(', ')}: ${other.type}/${other.name} saves that too`];
      }),
    );
    if (shared.length === 0) return [];
    const message = `${task.where ?? service.file}: ${task.key}: ${shared.join('; ')}. It is in the archive twice: leave it out of one with \`exclude\`.`;
    return [{ task: task.key, isFailure: false, message }];
  });
}

function pathsInBoth(task: ServiceTask, other: ServiceTask): readonly string[] {
  const theirs = other.plugin.reads?.(other.options) ?? [];
  const paths = (task.plugin.reads?.(task.options) ?? []).flatMap((read) => {
    return theirs.flatMap((one) => sharedPath(read, one) ?? []);
  });
  return [...new Set(paths)];
}

async function validateTask(service: Service, task: ServiceTask, io: TaskIo): Promise<readonly string[]> {
  const context = createTaskContext(undoEntryOf(service, task), service.configDirectory, io);
  return (await task.plugin.validate?.(context)) ?? [];
}

function stuckMessage(message: string): string {
  return (
    `Not touched, because an earlier run could not put it back: ${message}. Correct the service.yaml, or put it back by ` +
    'hand and type: backup-client recover --done TYPE/NAME'
  );
}
