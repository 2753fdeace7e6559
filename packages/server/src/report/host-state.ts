// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CopyRecord, RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { type LastDrill, lastDrills, unprovenSince } from './drills.ts';
import { type Expectation, type Freshness, freshnessOf } from './freshness.ts';
import { firstSuccess, type HostRun, lastCheck, lastDone } from './history.ts';
import { humanDuration } from './text.ts';

/** How things are, in the words of check plugins (Nagios, Icinga). */
export type State = 'ok' | 'warning' | 'critical' | 'unknown';

/** Something about a host that is not as it should be. */
export interface Problem {
  readonly state: 'warning' | 'critical';
  /** For a line with many hosts: `never backed up`. */
  readonly text: string;
  /** What to do about it: a command. */
  readonly next: string;
}

/** A host as `status --json` prints it. */
export interface HostState extends Freshness {
  readonly state: State;
  /** The worst first. */
  readonly problems: readonly Problem[];
  /** The last restore that has proven a snapshot. */
  readonly lastDrill: LastDrill | undefined;
  readonly lastMaintenance: { readonly time: string; readonly status: Status } | undefined;
  /** Further repositories, as the last run that copied has left them. */
  readonly copies: readonly CopyRecord[];
}

/** What is known about hosts beside the records. */
export interface StateFacts {
  readonly drillMaxAgeMs: number;
  /** How old each configured copy may be, by its name. */
  readonly copyMaxAgeMs: ReadonlyMap<string, number>;
  /** Why each host that somebody has to look at is suspicious. */
  readonly suspicious: ReadonlyMap<string, string>;
  /** Hosts whose configuration cannot be used. */
  readonly rejected: ReadonlySet<string>;
}

/** The state of each host. Pure. @param runs in any order, without those from the future */
export function hostStates(
  hosts: readonly Expectation[],
  runs: readonly RunRecord[],
  facts: StateFacts,
  now: Date,
): readonly HostState[] {
  const drills = lastDrills(runs);
  return freshnessOf(hosts, runs, now).map((freshness) => {
    const { host } = freshness;
    const maintenance = lastDone('maintenance', host, runs);
    const lastDrill = drills.get(host);
    const past = { host, runs, lastDrill, maintenance, copies: lastCopies(host, runs) };
    const problems = [
      ...backupProblems(freshness, facts),
      ...drillProblems(past, facts, now),
      ...maintenanceProblems(past, now),
      ...copyProblems(past, facts, now),
    ].sort((a, b) => Number(b.state === 'critical') - Number(a.state === 'critical'));
    return {
      ...freshness,
      state: problems[0]?.state ?? 'ok',
      problems,
      lastDrill,
      lastMaintenance: maintenance && { time: maintenance.record.started, status: maintenance.record.status },
      copies: past.copies,
    };
  });
}

interface Past {
  readonly host: string;
  readonly runs: readonly RunRecord[];
  readonly lastDrill: LastDrill | undefined;
  readonly maintenance: HostRun | undefined;
  readonly copies: readonly CopyRecord[];
}

function backupProblems(freshness: Freshness, { suspicious, rejected }: StateFacts): readonly Problem[] {
  const { host, lastStatus } = freshness;
  const problems: Problem[] = [];
  const add = (state: Problem['state'], text: string, next: string) => problems.push({ state, text, next });
  if (rejected.has(host)) add('critical', 'its configuration cannot be used', 'backup-server check');
  if (freshness.stale)
    add('critical', staleText(freshness), `backup-server check ${host}; backup-server backup ${host}`);
  if (lastStatus === 'failed')
    add('critical', 'its last backup failed', `backup-server runs show --command backup --host ${host}`);
  // Before the warning that it makes of the backup: the first line names one of them.
  const evidence = suspicious.get(host);
  if (evidence !== undefined) add('warning', `suspicious: ${evidence}`, `backup-server release ${host}`);
  if (lastStatus === 'warning')
    add('warning', 'its last backup had warnings', `backup-server runs show --command backup --host ${host}`);
  return problems;
}

function staleText({ lastSuccess, ageMs }: Freshness): string {
  return lastSuccess === undefined
    ? 'never backed up'
    : `last good backup ${humanDuration(Math.max(0, ageMs ?? 0))} old`;
}

function drillProblems(past: Past, { drillMaxAgeMs }: StateFacts, now: Date): readonly Problem[] {
  const { host, runs, lastDrill } = past;
  const newest = lastDone('drill', host, runs);
  const problems: Problem[] = [];
  if (newest?.record.status === 'failed') {
    const text = 'its last drill failed: that it can be restored is not proven';
    problems.push({ state: 'critical', text, next: `backup-server runs show --command drill --host ${host}` });
  }
  const since = unprovenSince(host, runs, lastDrill);
  if (since !== undefined && now.getTime() - Date.parse(since) > drillMaxAgeMs) {
    const age = humanDuration(now.getTime() - Date.parse(since));
    const text = lastDrill === undefined ? 'no restore was ever proven' : `last proven restore ${age} ago`;
    problems.push({ state: 'warning', text, next: `backup-server drill ${host}` });
  }
  return problems;
}

/** Weekly is usual; a week may be missed. */
export const MAINTENANCE_MAX_AGE_MS = 16 * 24 * 3_600_000;

/** A repository that nobody has checked, or that was found damaged, may not be able to give back what it holds. */
function maintenanceProblems({ host, runs, maintenance }: Past, now: Date): readonly Problem[] {
  const since = maintenance?.record.started ?? firstSuccess(host, runs);
  const age = since === undefined ? 0 : now.getTime() - Date.parse(since);
  const old: Problem = {
    state: 'warning',
    text: maintenance === undefined ? 'its repository was never checked' : `last maintenance ${humanDuration(age)} ago`,
    next: `backup-server maintenance ${host}`,
  };
  return [
    ...(age > MAINTENANCE_MAX_AGE_MS ? [old] : []),
    ...findings({ host, runs, status: maintenance?.record.status }),
  ];
}

function findings({
  host,
  runs,
  status,
}: Pick<Past, 'host' | 'runs'> & { status: Status | undefined }): readonly Problem[] {
  const next = `backup-server runs show --command maintenance --host ${host}`;
  if (lastCheck(host, runs)?.step.status === 'failed')
    return [{ state: 'critical', text: 'the check of its repository failed', next }];
  if (status === 'warning') return [{ state: 'warning', text: 'its last maintenance had warnings', next }];
  return status === 'failed' ? [{ state: 'warning', text: 'its last maintenance failed', next }] : [];
}

function lastCopies(host: string, runs: readonly RunRecord[]): readonly CopyRecord[] {
  const newestFirst = [...runs].sort((a, b) => (a.started < b.started ? 1 : -1));
  const records = newestFirst.flatMap((run) => run.hosts.filter((record) => record.host === host));
  return records.find(({ copies }) => copies !== undefined)?.copies ?? [];
}

/** A copy never makes a host critical: the first repository is as it was. */
function copyProblems({ host, copies }: Past, { copyMaxAgeMs }: StateFacts, now: Date): readonly Problem[] {
  const next = `backup-server runs show --command backup --host ${host}`;
  return copies.flatMap((copy): readonly Problem[] => {
    const maxAgeMs = copyMaxAgeMs.get(copy.name);
    // A copy that is not configured any more is nobody's business.
    const fault = maxAgeMs === undefined ? undefined : copyFault(copy, maxAgeMs, now);
    return fault === undefined ? [] : [{ state: 'warning', text: `copy to ${copy.name} ${fault}`, next }];
  });
}

function copyFault({ status, newest }: CopyRecord, maxAgeMs: number, now: Date): string | undefined {
  const age = newest === undefined ? undefined : Math.max(0, now.getTime() - Date.parse(newest));
  const since = age === undefined ? 'it holds nothing yet' : `its newest snapshot there is ${humanDuration(age)} old`;
  if (status === 'failed') return `failed, ${since}`;
  if (status === 'warning') return `had warnings, ${since}`;
  return age !== undefined && age <= maxAgeMs ? undefined : `is too old: ${since}`;
}
