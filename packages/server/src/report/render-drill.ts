// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { DrillRecord, HostRecord, RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { type LoadedServices, loadedServices, servicesText } from './drills.ts';
import { remarkLines } from './host-lines.ts';
import { groupHosts } from './report.ts';
import { formatTime, humanDuration, labelled, tookText } from './text.ts';

const OUTCOMES: Readonly<Record<Status, string>> = {
  success: 'Drill SUCCESSFUL',
  skipped: 'Drill COMPLETED WITH SKIPS',
  warning: 'Drill COMPLETED WITH WARNINGS',
  failed: 'Drill FAILED',
};

/** How a run of drills went, in the words of the subject of its mail. */
export function drillOutcome({ status }: RunRecord): string {
  return status === 'running' ? 'Drill NOT ENDED' : OUTCOMES[status];
}

/** A whole run of drills for people, as lines; what failed comes first because it is read first. */
export function renderDrill(run: RunRecord): readonly string[] {
  const groups = groupHosts(run.hosts);
  const proven = run.hosts.flatMap(provenOf);
  const bytes = proven.reduce((sum, drill) => sum + drill.bytes, 0);
  return [
    `${drillOutcome(run)} on ${showControls(run.hostname)}`,
    '',
    `  Started:  ${formatTime(run.started)}`,
    `  Took:     ${tookText(run)}`,
    `  Proven:   ${proven.length} of ${run.hosts.length} hosts, ${formatBytes(bytes)}`,
    ...servicesLine(proven),
    ...run.steps
      .filter((step) => step.status !== 'success')
      .flatMap((step) => labelled('  ', step.message ?? step.name)),
    ...section('Failed Hosts', groups.failed),
    ...section('Hosts with Warnings', groups.warning),
    ...section('Skipped Hosts', groups.skipped),
    ...section('Proven Hosts', groups.success),
  ];
}

/** All services of the hosts that were proven; nothing where no drill went so far. */
function servicesLine(proven: readonly DrillRecord[]): readonly string[] {
  const all = proven.flatMap((drill) => loadedServices(drill) ?? []);
  if (all.length === 0) return [];
  const sum = (key: keyof LoadedServices) => all.reduce((total, services) => total + services[key], 0);
  return [`  Services: ${servicesText({ proven: sum('proven'), failed: sum('failed'), unseen: sum('unseen') })}`];
}

/** What a host's drill has proven; empty where it failed, or did not come about. */
function provenOf({ status, drill }: HostRecord): readonly DrillRecord[] {
  return status === 'failed' || drill === undefined ? [] : [drill];
}

function section(title: string, hosts: readonly HostRecord[]): readonly string[] {
  if (hosts.length === 0) return [];
  const lines = hosts.flatMap((host) => [`  ${showControls(host.host)}`, ...hostLines(host, '      ')]);
  return ['', `${title} (${hosts.length}):`, ...lines];
}

function hostLines(host: HostRecord, indent: string): readonly string[] {
  return [...remarkLines(host, indent), `${indent}took ${humanDuration(host.seconds * 1000)}`];
}
