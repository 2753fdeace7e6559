// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import type { Status } from '@local-backup/common/status';
import { type LastDrill, servicesText } from './drills.ts';
import { renderRun } from './render-run.ts';
import { type HostGlance, overdueText, type Summary } from './summary.ts';
import { humanDuration, labelled, table } from './text.ts';

/** One letter per run of a trend. */
export const TREND_SIGN: Readonly<Record<Status, string>> = { success: '.', skipped: 's', warning: '!', failed: 'x' };

/** The whole summary of a backup run as lines of text. */
export function renderSummaryText(summary: Summary): readonly string[] {
  return [...renderRun(summary.run, ({ host }) => summary.notes.get(host) ?? []), ...renderContext(summary)];
}

/** What lies around a run: overdue hosts, the past of every host, what to do next. */
function renderContext(summary: Summary): readonly string[] {
  return [...overdueLines(summary), ...glanceLines(summary), ...nextLines(summary)];
}

/** `3 d 2 h ago` */
export function ago(time: string, now: Date): string {
  return `${humanDuration(Math.max(0, now.getTime() - new Date(time).getTime()))} ago`;
}

/** `41 GiB in 6 min, services: 3 proven` */
export function restoreText({ bytes, seconds, services }: LastDrill): string {
  const restored = `${formatBytes(bytes)} in ${humanDuration(seconds * 1000)}`;
  return services === undefined ? restored : `${restored}, services: ${servicesText(services)}`;
}

/** What all measured repositories occupy together; undefined where none was. */
export function totalBytes(glances: readonly HostGlance[]): number | undefined {
  const sizes = glances.flatMap(({ repositoryBytes }) => repositoryBytes ?? []);
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}

function overdueLines({ overdue }: Summary): readonly string[] {
  if (overdue.length === 0) return [];
  const lines = overdue.flatMap((one) => labelled(`  ${one.host}: `, overdueText(one)));
  return ['', `Overdue Hosts (${overdue.length}):`, ...lines];
}

function glanceLines({ glances, now }: Summary): readonly string[] {
  if (glances.length === 0) return [];
  const rows = glances.map(({ freshness, trend, drill, drillOverdue, repositoryBytes }) => [
    `  ${freshness.host}`,
    trend.map((status) => TREND_SIGN[status]).join(''),
    freshness.lastSuccess === undefined ? 'never' : ago(freshness.lastSuccess, now),
    drill === undefined
      ? `never${drillOverdue ? ' (OVERDUE)' : ''}`
      : `${ago(drill.time, now)}${drillOverdue ? ' (TOO OLD)' : ''}, ${restoreText(drill)}`,
    repositoryBytes === undefined ? '-' : formatBytes(repositoryBytes),
  ]);
  const total = totalBytes(glances);
  return [
    '',
    'All hosts, with the last runs of each, newest last (. good  s skipped  ! warning  x failed):',
    ...table([['  Host', 'Runs', 'Last success', 'Proven restore', 'Repository'], ...rows]),
    ...(total === undefined ? [] : [`  All repositories: ${formatBytes(total)}`]),
  ];
}

function nextLines({ nextSteps }: Summary): readonly string[] {
  return nextSteps.length === 0 ? [] : ['', 'Next steps:', ...nextSteps.map((step) => `  ${step}`)];
}
