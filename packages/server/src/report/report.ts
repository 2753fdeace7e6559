// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import type { HostRecord, RunRecord, ServiceResult, StepRecord } from '@local-backup/common/run-record';
import { type Status, worstStatus } from '@local-backup/common/status';

/**
 * How a host fared: the worst of its steps and of the services in the client's manifest.
 *
 * A service that failed on the client makes the host `failed` although the rest of the archive was stored: what was not
 * saved has to be in the exit code as well (docs/design.md, promise 1), and the server may be the only one that still
 * gets a mail out. A service that the client left out counts as a warning, because nobody asked for that.
 */
export function hostStatus(host: Pick<HostRecord, 'steps' | 'services' | 'skipped'>): Status {
  const parts: Status[] = host.steps.map((step) => step.status);
  for (const service of host.services) parts.push(service.status === 'skipped' ? 'warning' : service.status);
  if (host.skipped !== undefined) parts.push('skipped');
  return worstStatus(parts);
}

/** The worst of the hosts and of the run's own steps; a run without any host is `failed`. */
export function runStatus(run: Pick<RunRecord, 'steps' | 'hosts'>): Status {
  if (run.hosts.length === 0) return 'failed';
  return worstStatus([...run.hosts, ...run.steps].map((part) => part.status));
}

/** The hosts of a run by how they fared, each group in the order of the inventory. */
export function groupHosts(hosts: readonly HostRecord[]): Record<Status, readonly HostRecord[]> {
  const group = (status: Status) => hosts.filter((host) => host.status === status);
  return {
    failed: group('failed'),
    warning: group('warning'),
    skipped: group('skipped'),
    success: group('success'),
  };
}

/** What people have to read about a host, in the order in which it happened; failed steps are the reason it failed. */
export function remarkableSteps(host: HostRecord): readonly StepRecord[] {
  return host.steps.filter((step) => step.status !== 'success' || step.message !== undefined);
}

/** The step that made the host fail, for the subject of its mail; undefined where only services failed. */
export function failedStep(host: HostRecord): StepRecord | undefined {
  return host.steps.find((step) => step.status === 'failed');
}

/** Services of one host that a record names. */
const MOST_SERVICES = 1_000;
/** Characters of all their messages together. */
const MOST_CHARACTERS = 64 * 1024;

/**
 * What the record keeps of a manifest. A client may name ten thousand services with megabytes of messages, night after
 * night, and all records have to be read at once, for the mails too: of too much the failed ones are kept first.
 */
export function serviceResults(services: readonly ManifestService[]): ServiceResult[] {
  const results = services.map(serviceResult);
  if (results.length <= MOST_SERVICES && lengthOf(results) <= MOST_CHARACTERS) return results;
  const failed = results.filter(({ status }) => status === 'failed');
  const others = results.filter(({ status }) => status !== 'failed');
  const odd = others.filter(({ status }) => status !== 'success');
  const good = others.filter(({ status }) => status === 'success');
  let left = MOST_CHARACTERS;
  return [...failed, ...odd, ...good].slice(0, MOST_SERVICES).map((service) => {
    const messages = service.messages.filter((message) => {
      left -= message.length;
      return left >= 0;
    });
    const cut = messages.length < service.messages.length ? [`... and more in the manifest of the archive`] : [];
    return { ...service, messages: [...messages, ...cut] };
  });
}

function lengthOf(results: readonly ServiceResult[]): number {
  return results.flatMap(({ messages }) => messages).reduce((sum, { length }) => sum + length, 0);
}

/** What the record keeps of a service: the messages of its tasks too, unless all went well there. */
function serviceResult(service: ManifestService): ServiceResult {
  const ofTasks = service.tasks
    .filter((task) => task.status !== 'success')
    .flatMap((task) => task.messages.map((message) => `${task.plugin}: ${message}`));
  const { name, type, status, secondsStopped } = service;
  const messages = [...new Set([...service.messages, ...ofTasks])];
  return { name, type, status, messages, ...(secondsStopped > 0 ? { secondsStopped } : {}) };
}
