// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import { type ManifestService, type ManifestTask, SERVICE_NAME_PATTERN } from '@local-backup/common/manifest';
import { type Status, worstStatus } from '@local-backup/common/status';
import { createTally, type Tally } from './expect/tally.ts';
import type { PluginContext, TaskResult } from './plugin.ts';
import type { Service, ServiceTask } from './service.ts';
import type { UndoTask } from './undo-journal.ts';

/** One task of a service on its way through the stages: validate, prepare, run, read, post. */
export interface TaskProgress {
  readonly task: ServiceTask;
  /** How the undo journal knows it. */
  readonly entry: UndoTask;
  readonly context: PluginContext;
  readonly messages: string[];
  /** `skipped` until its `run` has been called. */
  status: Status;
  seconds: number;
  /** What `run` handed over. */
  result: TaskResult;
  /** What of it is in the archive. */
  readonly tally: Tally;
  /** When the `prepare` began that has made the service quiet. */
  quietSince: Date | undefined;
}

export function beginTask(task: ServiceTask, entry: UndoTask, context: PluginContext): TaskProgress {
  const tally = createTally(task.expect?.must_contain ?? []);
  const begun = { status: 'skipped', seconds: 0, result: {}, quietSince: undefined } as const;
  return { task, entry, context, tally, ...begun, messages: [] };
}

/** Its `run` has come to its end; what follows can only make it worse. */
export function ranWell(progress: TaskProgress, result: TaskResult): void {
  const { facts, tooLong } = sortFacts(result.facts ?? {});
  progress.result = { ...result, facts };
  if (progress.status === 'skipped') progress.status = 'success';
  warnOf(progress, result.warnings ?? []);
  if (tooLong.length > 0) warnOf(progress, [`not in the manifest, because it is too long: ${tooLong.join(', ')}`]);
  for (const message of result.failures ?? []) failureOf(progress, 'run', new BackupError('failed', message));
}

/** What a manifest takes: a fact that is too long would cost the whole host its archive. */
const FACTS_MAX = 1_000;
const FACT_NAME_MAX = 100;
const FACT_LENGTH_MAX = 1_000;

function sortFacts(facts: Readonly<Record<string, string>>) {
  const all = Object.entries(facts);
  const fits = ([name, value]: readonly [string, string], index: number) =>
    index < FACTS_MAX && name.length <= FACT_NAME_MAX && value.length <= FACT_LENGTH_MAX;
  const left = all.filter((fact, index) => !fits(fact, index)).map(([name]) => name.slice(0, FACT_NAME_MAX));
  return { facts: Object.fromEntries(all.filter(fits)), tooLong: left.slice(0, 10) };
}

/** For the manifest; all is well. */
export function noteOf(progress: TaskProgress, message: string): void {
  progress.context.log.info(message);
  progress.messages.push(message);
}

/** The task could be done, but this was not as it should be. */
export function warnOf(progress: TaskProgress, messages: readonly string[]): void {
  for (const message of messages) progress.context.log.warn(message);
  progress.messages.push(...messages);
  if (messages.length > 0) progress.status = worstStatus([progress.status, 'warning']);
}

export function failureOf(progress: TaskProgress, stage: string, error: unknown): void {
  const message = `${stage}: ${describeError(error)}`;
  progress.context.log.error(message);
  progress.messages.push(message);
  progress.status = 'failed';
}

/** The longest list of messages that a manifest takes per task; what is left out is counted. */
const MESSAGES_MAX = 200;
const MESSAGE_LENGTH_MAX = 5_000;
const PLUGIN_NAME_MAX = 100;

/** What the manifest says of a task. */
function taskReport(progress: TaskProgress): ManifestTask {
  const { status, messages } = progress;
  const told = status === 'skipped' ? [...messages, 'Not run, because another task of the service failed.'] : messages;
  return {
    plugin: progress.task.plugin.name.slice(0, PLUGIN_NAME_MAX),
    status,
    messages: bounded(told),
    seconds: progress.seconds,
    facts: { ...progress.result.facts },
  };
}

/** What the manifest says of a service. */
export function serviceReport(
  service: Service,
  tasks: readonly TaskProgress[],
  sums: Pick<ManifestService, 'started' | 'seconds' | 'secondsStopped' | 'bytes' | 'files'>,
): ManifestService {
  const own: Status = service.warnings.length > 0 ? 'warning' : 'success';
  return {
    name: service.name,
    type: service.type,
    status: tasks.length === 0 ? 'failed' : worstStatus([own, ...tasks.map((task) => task.status)]),
    messages: bounded(service.warnings),
    ...sums,
    tasks: tasks.map(taskReport),
  };
}

/** A service that never came as far as its tasks: its service.yaml is bad, or a task of it can not be done. */
export function failedService(service: ServiceName, messages: readonly string[], now: Date): ManifestService {
  return untouchedService(service, 'failed', messages, now);
}

/** A service that was left out on purpose. */
export function skippedService(service: ServiceName, why: string, now: Date): ManifestService {
  return untouchedService(service, 'skipped', [why], now);
}

interface ServiceName {
  readonly name: string;
  readonly type: string;
}

function untouchedService({ name, type }: ServiceName, status: Status, messages: readonly string[], now: Date) {
  const nothing = { seconds: 0, secondsStopped: 0, bytes: 0, files: 0, tasks: [] };
  return {
    ...printableName({ name, type }),
    status,
    messages: bounded(messages),
    started: now.toISOString(),
    ...nothing,
  };
}

/** The directory of a rejected service may have any name, a manifest only takes plain ones. */
function printableName({ name, type }: ServiceName): ServiceName {
  const plain = (text: string) => (SERVICE_NAME_PATTERN.test(text) ? text : 'unnamed');
  return { name: plain(name), type: plain(type) };
}

function bounded(messages: readonly string[]): string[] {
  const kept = messages.slice(0, MESSAGES_MAX).map((message) => message.slice(0, MESSAGE_LENGTH_MAX));
  const left = messages.length - kept.length;
  return left > 0 ? [...kept, `... and ${left} more messages of this kind; see the log of the run on the host.`] : kept;
}
