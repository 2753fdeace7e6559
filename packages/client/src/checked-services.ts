// SPDX-License-Identifier: AGPL-3.0-or-later
import type { FoundServices } from './find-services.ts';
import type { Service } from './service.ts';
import type { Finding } from './validate-services.ts';

/** How something stands. */
export type CheckState = 'ok' | 'warning' | 'FAILED';

/** What `backup-client check` says of a task. */
export interface CheckedTask {
  /** Its key in service.yaml. */
  readonly task: string;
  /** What it would save; empty where the plugin does not tell. */
  readonly saves: string;
  readonly state: CheckState;
  /** Each begins with `FILE:LINE:COLUMN`. */
  readonly problems: readonly string[];
}

/** What `backup-client check` says of a service. */
export interface CheckedService {
  /** `type/name` */
  readonly service: string;
  readonly file: string;
  readonly state: CheckState;
  /** In the order of the file; none where it cannot be read. */
  readonly tasks: readonly CheckedTask[];
  /** What is wrong with the service as a whole. */
  readonly problems: readonly string[];
}

/** All services that were looked at, in the order of their files. */
export function checkedServices({ findings, unread }: Pick<FoundServices, 'findings' | 'unread'>): CheckedService[] {
  const services = [
    ...[...findings].map(([service, found]) => checkedService(service, found)),
    ...unread.map(({ type, name, file, message }): CheckedService => {
      return { service: `${type}/${name}`, file, state: 'FAILED', tasks: [], problems: [message] };
    }),
  ];
  return services.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function checkedService(service: Service, findings: readonly Finding[]): CheckedService {
  const tasks = service.tasks.map(({ key, plugin, options }): CheckedTask => {
    const own = findings.filter(({ task }) => task === key);
    const saves = plugin.describe?.(options) ?? '';
    return { task: key, saves, state: stateOf(own), problems: own.map(({ message }) => message) };
  });
  const whole = findings.filter(({ task }) => task === undefined).map(({ message }) => message);
  const state = stateOf(findings);
  return {
    service: `${service.type}/${service.name}`,
    file: service.file,
    state: state === 'ok' && service.warnings.length > 0 ? 'warning' : state,
    tasks,
    problems: [...whole, ...service.warnings],
  };
}

function stateOf(findings: readonly Finding[]): CheckState {
  if (findings.some(({ isFailure }) => isFailure)) return 'FAILED';
  return findings.length > 0 ? 'warning' : 'ok';
}
