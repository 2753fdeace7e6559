// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { groupHosts } from './report.ts';
import { formatTime, humanDuration, labelled, table } from './text.ts';

/** A record that cannot be read. */
export interface DamagedRun {
  readonly id: string;
  readonly problem: string;
}

/** One run as `runs --json` lists it. */
export interface ListedRun extends Pick<RunRecord, 'id' | 'command' | 'started' | 'ended' | 'status'> {
  /** Missing while the run is under way, or when it was killed. */
  readonly seconds: number | undefined;
  /** How many hosts fared how. */
  readonly hosts: Readonly<Record<Status, number>>;
}

/** What a list says of a run. */
export function listedRun(run: RunRecord): ListedRun {
  const { id, command, started, ended, status } = run;
  const groups = groupHosts(run.hosts);
  const hosts = {
    failed: groups.failed.length,
    warning: groups.warning.length,
    skipped: groups.skipped.length,
    success: groups.success.length,
  };
  const seconds = ended === undefined ? undefined : (Date.parse(ended) - Date.parse(started)) / 1000;
  return { id, command, started, ended, status, seconds, hosts };
}

/** Runs as a table, in the order given, each with the hosts that failed. */
export function renderRuns(runs: readonly RunRecord[], damaged: readonly DamagedRun[]): readonly string[] {
  const rows = runs.map((run) => {
    const { id, command, started, seconds, status, hosts } = listedRun(run);
    const bad = run.hosts.filter((host) => host.status === 'failed').map((host) => showControls(host.host));
    return [
      id,
      showControls(command),
      formatTime(started),
      seconds === undefined ? '-' : humanDuration(Math.max(0, seconds) * 1000),
      status === 'running' ? 'no end' : status,
      `${hosts.success} ok${count(hosts.warning, 'warning')}${count(hosts.skipped, 'skipped')}${count(hosts.failed, 'FAILED')}`,
      shortList(bad),
    ];
  });
  const head = ['ID', 'Command', 'Started', 'Took', 'Status', 'Hosts', 'Failed hosts'];
  return [...(rows.length === 0 ? [] : table([head, ...rows])), ...damagedLines(damaged)];
}

/** Records that cannot be read, so that nobody takes the rest for all. */
export function damagedLines(damaged: readonly DamagedRun[]): readonly string[] {
  return damaged.flatMap(({ id, problem }) => labelled('', `${id}: DAMAGED: ${problem}`));
}

/** Whether a run without an end is still at work its record cannot tell. */
export function statusText(status: RunRecord['status']): string {
  return status === 'running' ? 'under way, or killed before it ended' : status;
}

function count(amount: number, word: string): string {
  return amount === 0 ? '' : `, ${amount} ${word}`;
}

/** Names that a row has room for. */
const SHOWN_NAMES = 4;

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(' ');
  return names.length <= SHOWN_NAMES ? shown : `${shown} ... and ${names.length - SHOWN_NAMES} more`;
}
