// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { type LastDrill, lastDrills, overdueDrills } from './drills.ts';
import { type Expectation, type Freshness, freshnessOf } from './freshness.ts';
import { repositoryBytesOf, trendOf } from './history.ts';
import { type Repeats, repeatsOf } from './repeats.ts';
import { formatTime, humanDuration } from './text.ts';

/** What a summary rests on beside the run itself. */
export interface SummaryFacts {
  /** Records of runs, in any order, with or without that of the run. */
  readonly history: readonly RunRecord[];
  readonly hosts: readonly Expectation[];
  /** A host whose last drill is older than this is overdue. */
  readonly drillMaxAgeMs: number;
}

/** A host and its past in one line. */
export interface HostGlance {
  readonly freshness: Freshness;
  /** How its last backups went, oldest first. */
  readonly trend: readonly Status[];
  /** The last restore that has proven one of its snapshots. */
  readonly drill: LastDrill | undefined;
  readonly drillOverdue: boolean;
  /** What its repository occupies. */
  readonly repositoryBytes: number | undefined;
}

/** All that a mail tells about a run; the text and the HTML of a mail are made from this. */
export interface Summary {
  readonly run: RunRecord;
  readonly now: Date;
  /** Remarks about a host of the run out of its past. */
  readonly notes: ReadonlyMap<string, readonly string[]>;
  /** Every configured host. */
  readonly glances: readonly HostGlance[];
  /** Hosts that are overdue though they have not failed in this run. */
  readonly overdue: readonly Freshness[];
  /** Commands, each with what it is for. */
  readonly nextSteps: readonly string[];
}

/** Puts a run into its context. Pure. */
export function summaryOf(run: RunRecord, facts: SummaryFacts, now: Date): Summary {
  const history = [run, ...facts.history.filter(({ id }) => id !== run.id)];
  const drills = lastDrills(history);
  const names = facts.hosts.map(({ hostname }) => hostname);
  const late = overdueDrills(names, history, facts.drillMaxAgeMs, now);
  const glances = freshnessOf(facts.hosts, history, now).map((freshness) => {
    const drill = drills.get(freshness.host);
    return {
      freshness,
      trend: trendOf(freshness.host, history),
      drill,
      drillOverdue: late.has(freshness.host),
      repositoryBytes: repositoryBytesOf(freshness.host, history),
    };
  });
  const failed = new Set(run.hosts.filter(({ status }) => status === 'failed').map(({ host }) => host));
  const overdue = glances.map((one) => one.freshness).filter(({ stale, host }) => stale && !failed.has(host));
  const notes = new Map(run.hosts.map((host) => [host.host, notesOf(host, repeatsOf(host, run, facts.history))]));
  return { run, now, notes, glances, overdue, nextSteps: nextStepsOf(run, glances, overdue) };
}

/** `failed 5 times in a row since ...`; empty for a host that fares as it should. */
function notesOf(host: HostRecord, repeats: Repeats): readonly string[] {
  const repeated = host.status === 'failed' && repeats.count > 1 ? [`${repeatText(repeats)}.`] : [];
  return [...repeated, ...suspicionNotes(host)];
}

/** `failed 5 times in a row with this message, since 2026-11-17 04:00:00 UTC` */
export function repeatText({ count, since }: Repeats): string {
  return `failed ${count} times in a row with this message, since ${formatTime(since)}`;
}

/** The evidence itself is in the host's warnings. */
function suspicionNotes({ suspicion }: HostRecord): readonly string[] {
  if (suspicion === undefined) return [];
  const { lastGood } = suspicion;
  const before = lastGood === undefined ? '' : ` the last snapshot before is ${lastGood.slice(0, 8)};`;
  return [`SUSPICIOUS:${before} nothing is forgotten until it is released.`];
}

/** `overdue: the last good backup was ...` */
export function overdueText({ lastSuccess, ageMs, maxAgeMs }: Freshness): string {
  if (lastSuccess === undefined) return 'was never backed up';
  const age = ageMs === undefined ? '' : `, ${humanDuration(Math.max(0, ageMs))} ago`;
  const limit = maxAgeMs === 0 ? '' : `; the limit is ${humanDuration(maxAgeMs)}`;
  return `last good backup ${formatTime(lastSuccess)}${age}${limit}`;
}

function drillText(drill: LastDrill | undefined): string {
  return drill === undefined ? 'no restore was ever proven' : 'its last proven restore is too old';
}

/** Commands for more hosts than this would not be read. */
const MOST_STEPS = 12;

function nextStepsOf(run: RunRecord, glances: readonly HostGlance[], overdue: readonly Freshness[]): readonly string[] {
  const ofStatus = (status: Status) => run.hosts.filter((host) => host.status === status);
  const steps = [
    ...ofStatus('failed').map(({ host }) => `backup-server ${run.command} ${host}   # once it is mended`),
    ...overdue.map(({ host }) => `backup-server check ${host}   # why there is no new backup`),
    ...run.hosts
      .filter(({ suspicion }) => suspicion !== undefined)
      .map(({ host }) => `backup-server release ${host}   # if the change is as it should be`),
    ...glances
      .filter(({ drillOverdue }) => drillOverdue)
      .map(({ freshness: { host }, drill }) => `backup-server drill ${host}   # ${drillText(drill)}`),
  ];
  const left = steps.length - MOST_STEPS;
  return left <= 0 ? steps : [...steps.slice(0, MOST_STEPS), `backup-server status   # ${left} more`];
}
