// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { hostLines } from './host-lines.ts';
import { groupHosts } from './report.ts';
import { formatTime, labelled, tookText } from './text.ts';

/** What is to be said about a host beside what its record holds, one remark each. */
export type NoteOfHost = (host: HostRecord) => readonly string[];

/**
 * A whole run for people, as lines. The titles of the sections are those of the original shell version, so that existing
 * mail filters keep working (C69); what failed comes first because it is read first.
 */
export function renderRun(run: RunRecord, noteOf: NoteOfHost = () => []): readonly string[] {
  const groups = groupHosts(run.hosts);
  return [
    `${outcomeOf(run)} on ${showControls(run.hostname)}`,
    '',
    ...overview(run),
    ...run.steps
      .filter((step) => step.status !== 'success')
      .flatMap((step) => labelled('  ', step.message ?? step.name)),
    ...section('Failed Hosts', groups.failed, (host) => `${host.host} (Failed)`, noteOf),
    ...section('Hosts with Warnings', groups.warning, (host) => host.host, noteOf),
    ...section('Skipped Hosts', groups.skipped, (host) => `${host.host} (${host.skipped ?? 'SKIPPED'})`, noteOf),
    ...section('Successful Hosts', groups.success, (host) => host.host, noteOf),
  ];
}

/** What a run would do, host by host. */
export function renderDryRun(run: RunRecord): readonly string[] {
  return [
    'Dry run: nothing was fetched, stored, changed or sent.',
    ...run.steps.flatMap((step) => labelled('  ', step.message ?? step.name)),
    ...run.hosts.flatMap((host) => ['', host.host, ...hostLines(host, '  ')]),
  ];
}

/** `Backup Run SUCCESSFUL`: how the run went, in the words of the original's subjects. */
export function outcomeOf(run: RunRecord): string {
  if (run.status === 'running') return 'Backup Run NOT ENDED';
  if (run.status === 'success') return 'Backup Run SUCCESSFUL';
  if (run.status === 'skipped') return 'Backup Run COMPLETED WITH SKIPS';
  return run.status === 'warning' ? 'Backup Run COMPLETED WITH WARNINGS' : 'Backup Run COMPLETED WITH ERRORS';
}

function overview(run: RunRecord): readonly string[] {
  return [`  Started: ${formatTime(run.started)}`, `  Took:    ${tookText(run)}`, `  Hosts:   ${run.hosts.length}`];
}

function section(
  title: string,
  hosts: readonly HostRecord[],
  heading: (host: HostRecord) => string,
  noteOf: NoteOfHost,
): readonly string[] {
  const lines = hosts.flatMap((host) => [
    `  ${heading(host)}`,
    ...noteOf(host).flatMap((note) => labelled('      ', note)),
    ...hostLines(host, '      '),
  ]);
  return ['', `${title} (${hosts.length}):`, ...(lines.length === 0 ? ['  (None)'] : lines)];
}
