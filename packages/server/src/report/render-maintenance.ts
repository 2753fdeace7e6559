// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { HostRecord, RunRecord, UpkeepRecord } from '@local-backup/common/run-record';
import { remarkLines } from './host-lines.ts';
import { groupHosts } from './report.ts';
import { formatCount, formatTime, humanDuration, labelled, tookText } from './text.ts';

/** A maintenance for people, as lines: what failed comes first. */
export function renderMaintenance(run: RunRecord): readonly string[] {
  const groups = groupHosts(run.hosts);
  return [
    `${maintenanceOutcome(run)} on ${showControls(run.hostname)}`,
    '',
    `  Started: ${formatTime(run.started)}`,
    `  Took:    ${tookText(run)}`,
    `  Hosts:   ${run.hosts.length}`,
    ...stepLines(run.steps.filter((step) => step.status !== 'success')),
    ...section('Failed Hosts', groups.failed, (host) => `${host.host} (Failed)`),
    ...section('Hosts with Warnings', groups.warning, (host) => host.host),
    ...section('Skipped Hosts', groups.skipped, (host) => `${host.host} (${host.skipped ?? 'SKIPPED'})`),
    ...section('Successful Hosts', groups.success, (host) => host.host),
  ];
}

/** What a maintenance would do, host by host. */
export function renderMaintenanceDryRun(run: RunRecord): readonly string[] {
  return [
    'Dry run: repositories were checked; nothing was forgotten, freed, remembered or sent.',
    ...stepLines(run.steps),
    ...run.hosts.flatMap((host) => ['', host.host, ...hostLines(host, '  ')]),
  ];
}

/** The end of the subject (C75); the code is that which the program ends with. */
export function maintenanceOutcome(run: RunRecord): string {
  if (run.status === 'running') return 'Maintenance NOT ENDED';
  if (run.status === 'success') return 'Maintenance SUCCESSFUL';
  if (run.status === 'skipped') return 'Maintenance COMPLETED WITH SKIPS';
  if (run.status === 'warning') return 'Maintenance COMPLETED WITH WARNINGS';
  return `Maintenance FAILED (Code: ${failureCode(run)})`;
}

/** A run that a signal has ended says so by its code. */
function failureCode({ steps, hosts }: RunRecord): number {
  const codes = [...steps, ...hosts.flatMap((host) => host.steps)].map(({ code }) => code);
  if (codes.includes('terminated')) return 143;
  return codes.includes('interrupted') ? 130 : 1;
}

function stepLines(steps: RunRecord['steps']): readonly string[] {
  return steps.flatMap((step) => labelled('  ', step.message ?? step.name));
}

function section(
  title: string,
  hosts: readonly HostRecord[],
  heading: (host: HostRecord) => string,
): readonly string[] {
  const lines = hosts.flatMap((host) => [`  ${heading(host)}`, ...hostLines(host, '      ')]);
  return ['', `${title} (${hosts.length}):`, ...(lines.length === 0 ? ['  (None)'] : lines)];
}

function hostLines(host: HostRecord, indent: string): readonly string[] {
  const facts = [
    ...(host.upkeep === undefined ? [] : upkeepTexts(host.upkeep)),
    `took ${humanDuration(host.seconds * 1000)}`,
  ];
  return [...remarkLines(host, indent), ...facts.flatMap((line) => labelled(indent, line))];
}

function upkeepTexts({ snapshots, forgotten, dataRead, bytes, bytesBefore }: UpkeepRecord): readonly string[] {
  const left = formatCount(snapshots - forgotten);
  const lines = [`snapshots: ${formatCount(snapshots)} before, ${formatCount(forgotten)} forgotten, ${left} left`];
  if (dataRead !== undefined) lines.push(dataText(dataRead));
  if (bytes !== undefined) lines.push(`repository: ${formatBytes(bytes)}${changeText(bytes, bytesBefore)}`);
  return lines;
}

function dataText(dataRead: string): string {
  if (dataRead === 'all') return 'stored data read back: all of it, no damage';
  if (dataRead === 'check_options') return 'stored data read back: as `check_options` say, no damage';
  return `stored data read back: ${/^\d+\/\d+$/.test(dataRead) ? `part ${dataRead}` : dataRead}, no damage`;
}

function changeText(bytes: number, before: number | undefined): string {
  if (before === undefined) return '';
  if (bytes === before) return ', as large as at the maintenance before';
  return `, ${formatBytes(Math.abs(bytes - before))} ${bytes > before ? 'more' : 'less'} than at the maintenance before`;
}
