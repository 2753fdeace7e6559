// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { CheckedService, CheckState } from './checked-services.ts';

/** One line of the result, and below it what mends it. */
export interface CheckLine {
  readonly state: CheckState;
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
  readonly services: readonly CheckedService[];
}

/** What `backup-client check` prints. Pure. */
export function renderCheck({ configFile, warnings, surroundings, services }: CheckResult): string {
  const more = warnings.length === 0 ? '' : `${warnings.length} warning(s)`;
  const lines: CheckLine[] = [
    { state: warnings.length === 0 ? 'ok' : 'warning', what: configFile, more, details: warnings },
    ...surroundings,
  ];
  const rows = [
    ...lines.flatMap(({ state, what, more: text, details }) => [row(state, what, text), ...details.map(detail)]),
    '',
    row('state', 'service', 'task', 'would save'),
    ...services.flatMap(serviceRows),
  ];
  return `${rows.join('\n')}\n`;
}

function serviceRows({ service, state, tasks, problems }: CheckedService): string[] {
  const [first, ...others] = tasks.map(({ task, state: own, saves, problems: found }, index) => {
    // The state of the service stands in its first line.
    return [row(index === 0 ? state : own, index === 0 ? service : '', task, oneLine(saves)), ...found.map(detail)];
  });
  return [...(first ?? [row(state, service)]), ...others.flat(), ...problems.map(detail)];
}

const TASK_WIDTH = 14;

function row(state: string, what: string, more = '', last = ''): string {
  return `${state.padEnd(8)} ${what.padEnd(32)} ${last === '' ? more : `${more.padEnd(TASK_WIDTH)} ${last}`}`.trimEnd();
}

const LONGEST = 100;

/** Names out of a service.yaml may hold anything. */
function oneLine(text: string): string {
  const shown = showControls(text);
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)} ...` : shown;
}

function detail(text: string): string {
  return text
    .split('\n')
    .map((line) => `           ${line}`)
    .join('\n');
}
