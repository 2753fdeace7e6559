// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { worstStatus } from '@local-backup/common/status';
import type { Freshness } from './freshness.ts';
import { formatTime, humanDuration, table } from './text.ts';

/** The state of all hosts as `status --json` prints it. */
export interface FleetState {
  /** True when every host has a fresh snapshot and no host's last run failed or warned. */
  readonly green: boolean;
  readonly hosts: readonly Freshness[];
  readonly lastRun: Pick<RunRecord, 'id' | 'started' | 'ended' | 'status'> | undefined;
}

/** A host is green when its newest snapshot is fresh and its last run was a success, or had nothing to do. */
function isGreen(status: Status): boolean {
  return status === 'success' || status === 'skipped';
}

/** Puts the parts together; a fleet without hosts is not green. */
export function fleetState(hosts: readonly Freshness[], runs: readonly RunRecord[]): FleetState {
  const newest = runs.reduce<RunRecord | undefined>(
    (last, run) => (last === undefined || run.started > last.started ? run : last),
    undefined,
  );
  const lastRun = newest && { id: newest.id, started: newest.started, ended: newest.ended, status: newest.status };
  return { green: isGreen(worstStatus(hosts.map((host) => host.status))), hosts, lastRun };
}

/** The state of all hosts for people. */
export function renderStatus({ green, hosts, lastRun }: FleetState): readonly string[] {
  const rows = hosts.map((host) => [
    isGreen(host.status) ? 'ok' : 'NOT OK',
    host.host,
    host.lastSuccess === undefined ? 'never' : formatTime(host.lastSuccess),
    host.ageMs === undefined ? '-' : humanDuration(Math.max(0, host.ageMs)),
    host.maxAgeMs === 0 ? '-' : humanDuration(host.maxAgeMs),
    verdict(host),
  ]);
  return [
    ...table([['', 'Host', 'Last success', 'Age', 'Limit', 'Last run'], ...rows]),
    '',
    ...hosts.flatMap(futureLines),
    lastRun === undefined
      ? 'No run has been recorded yet. Start one: backup-server backup'
      : `Last run ${lastRun.id}, started ${formatTime(lastRun.started)}: ${runWord(lastRun)}`,
    green
      ? 'All hosts are in order.'
      : 'NOT in order. Details: backup-server backup HOST; the mail and the log of the last run.',
  ];
}

function futureLines({ host, fromFuture }: Freshness): readonly string[] {
  if (fromFuture === undefined) return [];
  const found = `${host}: a success recorded for ${formatTime(fromFuture)}, which is in the future, does not count`;
  return [`${found}. Check the server's clock: timedatectl`];
}

function verdict({ stale, lastSuccess, lastStatus }: Freshness): string {
  const last = lastStatus ?? 'none';
  if (!stale) return last;
  return lastSuccess === undefined ? `${last}; NEVER BACKED UP` : `${last}; TOO OLD`;
}

function runWord({ status, ended }: NonNullable<FleetState['lastRun']>): string {
  return ended === undefined ? 'under way, or killed before it ended' : status;
}
