// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import type { Service } from './service.ts';

/** One line of the result, and below it what mends it. */
export interface CheckLine {
  readonly state: 'ok' | 'warning' | 'FAILED';
  readonly what: string;
  readonly more: string;
  readonly details: readonly string[];
}

export interface CheckResult {
  readonly configFile: string;
  /** About the configuration, and services that are not looked at. */
  readonly warnings: readonly string[];
  /** What a run relies on beside the services. */
  readonly surroundings: readonly CheckLine[];
  readonly services: readonly Service[];
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  readonly others: readonly ManifestService[];
}

/** What `backup-client check` prints. Pure. */
export function renderCheck(result: CheckResult): string {
  const { configFile, warnings, surroundings } = result;
  const more = warnings.length === 0 ? '' : `${warnings.length} warning(s)`;
  const lines: CheckLine[] = [
    { state: warnings.length === 0 ? 'ok' : 'warning', what: configFile, more, details: warnings },
    ...surroundings,
    ...serviceLines(result),
  ];
  return `${lines.flatMap((each) => [line(each), ...each.details.map(detail)]).join('\n')}\n`;
}

function serviceLines({ services, advice, others }: CheckResult): CheckLine[] {
  return [
    ...services.map((service): CheckLine => {
      const details = [...service.warnings, ...(advice.get(service) ?? [])];
      const more = service.tasks.map((task) => task.key).join(', ');
      return { state: details.length > 0 ? 'warning' : 'ok', what: `${service.type}/${service.name}`, more, details };
    }),
    ...others.map(({ type, name, messages }): CheckLine => {
      return { state: 'FAILED', what: `${type}/${name}`, more: '', details: messages };
    }),
  ];
}

function line({ state, what, more }: CheckLine): string {
  return `${state.padEnd(8)} ${what.padEnd(32)} ${more}`.trimEnd();
}

function detail(text: string): string {
  return text
    .split('\n')
    .map((row) => `           ${row}`)
    .join('\n');
}
