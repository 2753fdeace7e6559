// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import type { HostRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { loadedServices, servicesText } from '../../report/drills.ts';
import { remarkLines } from '../../report/host-lines.ts';
import { ago, restoreText, TREND_SIGN, totalBytes } from '../../report/render-summary.ts';
import { groupHosts } from '../../report/report.ts';
import { overdueText, type Summary } from '../../report/summary.ts';
import { formatCount, formatTime, humanDuration, tookText } from '../../report/text.ts';
import {
  badge,
  banner,
  bar,
  element,
  grid,
  type Html,
  heading,
  lines,
  marks,
  page,
  rule,
  style,
  text,
} from './html.ts';

/** A column of the table of hosts. */
interface Column {
  readonly title: string;
  readonly cell: (host: HostRecord) => string;
  /** What the bar below the text measures. */
  readonly amount?: (host: HostRecord) => number | undefined;
}

const orDash = <Value>(value: Value | undefined, show: (value: Value) => string) =>
  value === undefined ? '-' : show(value);

const TOOK: Column = { title: 'Took', cell: ({ seconds }) => humanDuration(seconds * 1000) };

/** What each command tells of a host. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  backup: [
    { title: 'Archive age', cell: archiveAge },
    { title: 'Archive', cell: ({ archiveBytes }) => orDash(archiveBytes, formatBytes) },
    { title: 'In all', cell: ({ bytesProcessed }) => orDash(bytesProcessed, formatBytes) },
    {
      title: 'Added',
      cell: ({ bytesAdded }) => orDash(bytesAdded, formatBytes),
      amount: ({ bytesAdded }) => bytesAdded,
    },
    TOOK,
  ],
  maintenance: [
    { title: 'Snapshots', cell: ({ upkeep }) => orDash(upkeep?.snapshots, formatCount) },
    { title: 'Forgotten', cell: ({ upkeep }) => orDash(upkeep?.forgotten, formatCount) },
    { title: 'Read back', cell: ({ upkeep }) => upkeep?.dataRead ?? '-' },
    {
      title: 'Repository',
      cell: ({ upkeep }) => orDash(upkeep?.bytes, formatBytes),
      amount: ({ upkeep }) => upkeep?.bytes,
    },
    TOOK,
  ],
  drill: [
    { title: 'Snapshot', cell: ({ drill }) => orDash(drill, ({ snapshot }) => snapshot.slice(0, 8)) },
    { title: 'Taken', cell: ({ drill }) => orDash(drill?.taken, formatTime) },
    { title: 'Entries', cell: ({ drill }) => orDash(drill?.entries, formatCount) },
    { title: 'Restored', cell: ({ drill }) => orDash(drill?.bytes, formatBytes), amount: ({ drill }) => drill?.bytes },
    { title: 'In', cell: ({ drill }) => orDash(drill?.restoreSeconds, (seconds) => humanDuration(seconds * 1000)) },
    { title: 'Services', cell: ({ drill }) => orDash(drill && loadedServices(drill), servicesText) },
  ],
};

const GROUPS: readonly { readonly status: Status; readonly title: string }[] = [
  { status: 'failed', title: 'Failed Hosts' },
  { status: 'warning', title: 'Hosts with Warnings' },
  { status: 'skipped', title: 'Skipped Hosts' },
  { status: 'success', title: 'Successful Hosts' },
];

/** What surrounds the tables of a mail. */
export interface Frame {
  readonly title: string;
  /** Where to read on. */
  readonly footer: readonly string[];
  /** Earlier runs that the mail tells of as well, one line each. */
  readonly earlier: readonly string[];
}

/** The HTML of the mail about a run of any command, for those whose reader shows it. Pure; all text is escaped. */
export function renderHtml(summary: Summary, { title, footer, earlier }: Frame): string {
  const { run } = summary;
  const status = run.status === 'running' ? 'failed' : run.status;
  return page(title, [
    banner(status, title),
    overview(summary),
    ...(earlier.length === 0 ? [] : [heading('Runs since the last digest'), lines(earlier)]),
    ...GROUPS.flatMap((group) => groupTable(summary, group)),
    ...overdueTable(summary),
    ...glanceTable(summary),
    ...nextSteps(summary),
    rule(),
    lines(footer),
  ]);
}

function overview({ run }: Summary): Html {
  const facts = [`Started ${formatTime(run.started)}`, `took ${tookText(run)}`, `${run.hosts.length} hosts`];
  const problems = run.steps.filter(({ status }) => status !== 'success');
  return element('div', style('padding:8px 0'), [
    element('p', style('margin:0 0 6px 0'), [text(facts.join(' · '))]),
    ...problems.map((step) =>
      element('p', style('margin:0 0 6px 0'), [badge(step.status, step.status), text(` ${step.message ?? step.name}`)]),
    ),
  ]);
}

function groupTable(summary: Summary, { status, title }: (typeof GROUPS)[number]): readonly Html[] {
  const hosts = groupHosts(summary.run.hosts)[status];
  if (hosts.length === 0) return [];
  const columns = COLUMNS[summary.run.command] ?? [TOOK];
  const rows = hosts.flatMap((host) => {
    const name = host.status === 'skipped' ? `${host.host} (${host.skipped ?? 'SKIPPED'})` : host.host;
    const cells = columns.map((column) => columnCell(column, host, summary.run.hosts));
    const remarks = [...(summary.notes.get(host.host) ?? []), ...remarkLines(host, '')];
    return [[badge(host.status, name), ...cells], ...(remarks.length === 0 ? [] : [[lines(remarks)]])];
  });
  return [heading(`${title} (${hosts.length})`), grid(['Host', ...columns.map((column) => column.title)], rows)];
}

function columnCell({ cell, amount }: Column, host: HostRecord, hosts: readonly HostRecord[]): Html {
  const value = amount?.(host);
  if (amount === undefined || value === undefined) return text(cell(host));
  return bar(value / Math.max(1, ...hosts.map((one) => amount(one) ?? 0)), cell(host));
}

/** By the client's clock, which need not be right. */
function archiveAge({ archiveCreated, started }: HostRecord): string {
  if (archiveCreated === undefined) return '-';
  const age = new Date(started).getTime() - new Date(archiveCreated).getTime();
  return age >= 0 ? humanDuration(age) : 'in the future';
}

function overdueTable({ overdue }: Summary): readonly Html[] {
  if (overdue.length === 0) return [];
  const rows = overdue.map((one) => [badge('failed', one.host), text(overdueText(one))]);
  return [heading(`Overdue Hosts (${overdue.length})`), grid(['Host', ''], rows)];
}

function glanceTable({ glances, now }: Summary): readonly Html[] {
  if (glances.length === 0) return [];
  const largest = Math.max(1, ...glances.map(({ repositoryBytes }) => repositoryBytes ?? 0));
  const rows = glances.map(({ freshness, trend, drill, drillOverdue, repositoryBytes }) => {
    const last = freshness.lastSuccess === undefined ? 'never' : ago(freshness.lastSuccess, now);
    const restore = drill === undefined ? 'never' : `${ago(drill.time, now)}, ${restoreText(drill)}`;
    return [
      text(freshness.host),
      marks(trend, TREND_SIGN),
      freshness.stale ? badge('failed', last) : text(last),
      drillOverdue ? badge('warning', restore) : text(restore),
      repositoryBytes === undefined ? text('-') : bar(repositoryBytes / largest, formatBytes(repositoryBytes)),
    ];
  });
  const total = totalBytes(glances);
  return [
    heading('All hosts'),
    grid(['Host', 'Last runs', 'Last success', 'Proven restore', 'Repository'], rows),
    ...(total === undefined ? [] : [element('p', '', [text(`All repositories: ${formatBytes(total)}`)])]),
  ];
}

function nextSteps({ nextSteps }: Summary): readonly Html[] {
  return nextSteps.length === 0 ? [] : [heading('Next steps'), lines(nextSteps)];
}
