// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import type { Service } from './service.ts';

export interface CheckResult {
  readonly configFile: string;
  readonly warnings: readonly string[];
  readonly services: readonly Service[];
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  readonly others: readonly ManifestService[];
}

/** What `backup-client check` prints. Pure. */
export function renderCheck({ configFile, warnings, services, advice, others }: CheckResult): string {
  const rows = [
    line('ok', configFile, warnings.length === 0 ? '' : `${warnings.length} warning(s)`),
    ...warnings.map(detail),
    ...services.flatMap((service) => {
      const tasks = service.tasks.map((task) => task.key).join(', ');
      const warned = [...service.warnings, ...(advice.get(service) ?? [])];
      const state = warned.length > 0 ? 'warning' : 'ok';
      return [line(state, `${service.type}/${service.name}`, tasks), ...warned.map(detail)];
    }),
    ...others.flatMap((service) => [
      line('FAILED', `${service.type}/${service.name}`, ''),
      ...service.messages.map(detail),
    ]),
  ];
  return `${rows.join('\n')}\n`;
}

function line(state: string, what: string, more: string): string {
  return `${state.padEnd(8)} ${what.padEnd(32)} ${more}`.trimEnd();
}

function detail(text: string): string {
  return text
    .split('\n')
    .map((row) => `           ${row}`)
    .join('\n');
}
