// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import type { LastDrill } from './drills.ts';
import { runsOf } from './history.ts';
import type { HostState, State } from './host-state.ts';
import { statusText } from './render-runs.ts';
import { formatTime, humanDuration, labelled, table } from './text.ts';

/** The state of all hosts as `status --json` prints it. */
export interface FleetState {
  readonly state: State;
  /** The first line for people and check plugins. */
  readonly summary: string;
  /** True when nothing at all is to be looked at. */
  readonly green: boolean;
  readonly hosts: readonly HostState[];
  /** Of any command. */
  readonly lastRun: Pick<RunRecord, 'id' | 'command' | 'started' | 'ended' | 'status'> | undefined;
  /** What concerns no single host. */
  readonly problems: readonly string[];
}

/** Exit codes of check plugins. */
export const PLUGIN_EXIT_CODE: Readonly<Record<State, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

/** What is not as it should be beside the hosts. */
export interface FleetFaults {
  /** Why records cannot be read: the rest is not taken for all. */
  readonly damaged: readonly string[];
  readonly others: readonly string[];
}

/** Puts the parts together. */
export function fleetState(
  hosts: readonly HostState[],
  runs: readonly RunRecord[],
  { damaged, others }: FleetFaults,
): FleetState {
  const newest = runs.reduce<RunRecord | undefined>(
    (last, run) => (last === undefined || run.started > last.started ? run : last),
    undefined,
  );
  const lastRun = newest && {
    id: newest.id,
    command: newest.command,
    started: newest.started,
    ended: newest.ended,
    status: newest.status,
  };
  const problems = [...runProblems(runs), ...damaged, ...others];
  // Nothing is known where not one record can be read.
  const isBlind = hosts.length === 0 || (runs.length === 0 && damaged.length > 0);
  const state = isBlind ? 'unknown' : worstOf(hosts, problems);
  return { state, summary: summaryLine(state, hosts, problems), green: state === 'ok', hosts, lastRun, problems };
}

/** What went wrong in the last backup beside its hosts: a record that could not be written, a run that was ended. */
function runProblems(runs: readonly RunRecord[]): readonly string[] {
  const last = runsOf('backup', runs).find(({ ended }) => ended !== undefined);
  const steps = last?.steps.filter(({ status }) => status === 'failed') ?? [];
  return steps.map(({ name, message }) => `the last backup run: ${message ?? name}`);
}

function worstOf(hosts: readonly HostState[], problems: readonly string[]): State {
  if (hosts.some(({ state }) => state === 'critical')) return 'critical';
  return problems.length > 0 || hosts.some(({ state }) => state === 'warning') ? 'warning' : 'ok';
}

/** Hosts that the first line names. */
const SHOWN_HOSTS = 5;

function summaryLine(state: State, hosts: readonly HostState[], problems: readonly string[]): string {
  const word = state.toUpperCase();
  if (state === 'ok') return `${word}: ${hostCount(hosts.length)} in order, ${oldestText(hosts)}`;
  const bad = hosts.filter((host) => host.state === state);
  const named = bad.slice(0, SHOWN_HOSTS).map(({ host, problems: [worst] }) => `${host} ${worst?.text}`);
  const more = bad.length > SHOWN_HOSTS ? [`and ${bad.length - SHOWN_HOSTS} more`] : [];
  const others = bad.length === 0 ? problems.slice(0, 1) : [];
  const which = [...named, ...more, ...others].map(oneLine).join(', ');
  if (state === 'unknown') return `${word}: ${which === '' ? 'there are no hosts' : which}`;
  return bad.length === 0 ? `${word}: ${which}` : `${word}: ${bad.length} of ${hostCount(hosts.length)}: ${which}`;
}

function hostCount(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}

function oldestText(hosts: readonly HostState[]): string {
  const oldest = Math.max(0, ...hosts.map(({ ageMs }) => ageMs ?? 0));
  return `the oldest backup is ${humanDuration(oldest)} old`;
}

/** A check plugin's first line ends at a line break, and what follows a bar is taken for figures. */
function oneLine(text: string): string {
  return showControls(text.replace(/\s+/g, ' ').replaceAll('|', '/')).slice(0, 200);
}

/** The state of all hosts for people; the first line is for check plugins too. */
export function renderStatus(fleet: FleetState, now: Date, colour = false): readonly string[] {
  const { state, summary, hosts, lastRun, problems } = fleet;
  return [
    paint(state, summary, colour),
    '',
    ...hostTable(hosts, now, colour),
    ...problemLines(hosts, problems),
    '',
    lastRun === undefined
      ? 'No run has been recorded yet. Start one: backup-server backup'
      : `Last run ${lastRun.id} (${lastRun.command}), started ${formatTime(lastRun.started)}: ${statusText(lastRun.status)}`,
  ];
}

function hostTable(hosts: readonly HostState[], now: Date, colour: boolean): readonly string[] {
  const since = (time: string | undefined) =>
    time === undefined ? '-' : humanDuration(Math.max(0, now.getTime() - Date.parse(time)));
  const rows = hosts.map((host) => [
    host.state === 'ok' ? 'ok' : host.state.toUpperCase(),
    host.host,
    host.lastSuccess === undefined ? 'never' : formatTime(host.lastSuccess),
    since(host.lastSuccess),
    host.maxAgeMs === 0 ? '-' : humanDuration(host.maxAgeMs),
    host.lastStatus ?? 'none',
    since(host.lastDrill?.time) + levelText(host.lastDrill),
    since(host.lastMaintenance?.time),
  ]);
  const titles = ['', 'Host', 'Last success', 'Age', 'Limit', 'Last run', 'Drill', 'Maintenance'];
  // Painted last: what paints has no width.
  return table([titles, ...rows]).map((line, index) => {
    const host = hosts[index - 1];
    const width = rows[index - 1]?.[0]?.length ?? 0;
    return host === undefined ? line : `${paint(host.state, line.slice(0, width), colour)}${line.slice(width)}`;
  });
}

/** How far it went: `, services 3/4`; nothing where it compared files alone. */
function levelText(drill: LastDrill | undefined): string {
  if (drill?.services === undefined) return '';
  const { proven, failed, unseen } = drill.services;
  return `, services ${proven}/${proven + failed + unseen}`;
}

function problemLines(hosts: readonly HostState[], problems: readonly string[]): readonly string[] {
  const ofHosts = hosts.flatMap(({ host, problems: own }) =>
    own.flatMap(({ state, text, next }) =>
      labelled('', `${host}: ${state.toUpperCase()}: ${text}.`).concat(`    Next: ${next}`),
    ),
  );
  const lines = [...ofHosts, ...problems.flatMap((text) => labelled('', `WARNING: ${text}`))];
  return lines.length === 0 ? [] : ['', ...lines];
}

const PAINT: Readonly<Record<State, string>> = { ok: '32', warning: '33', critical: '31', unknown: '35' };

function paint(state: State, text: string, colour: boolean): string {
  return colour ? `\u001b[${PAINT[state]}m${text}\u001b[0m` : text;
}
