// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import type { MailMode } from '../config/report-schema.ts';
import { overdueDrills } from './drills.ts';
import { type Expectation, freshnessOf } from './freshness.ts';
import { hostRunsOf, runsOf } from './history.ts';

/** Whether the summary of a run is sent, and which earlier runs it tells of as well. */
export type SummaryPlan =
  | { readonly send: false }
  /** @property earlier newest first; empty unless the mail is a digest */
  | { readonly send: true; readonly earlier: readonly RunRecord[] };

/** What the decision rests on. */
export interface PlanFacts {
  readonly mode: MailMode;
  /** Records of runs, in any order, with or without this one. */
  readonly history: readonly RunRecord[];
  /** The hosts that have to be fresh. */
  readonly hosts: readonly Expectation[];
  /** A host whose last drill is older than this many milliseconds is overdue. */
  readonly drillMaxAgeMs: number;
}

/** The decision about the summary of a run that has just ended. */
export function planSummary(run: RunRecord, facts: PlanFacts, now: Date): SummaryPlan {
  const earlier = runsOf(run.command, facts.history).filter((one) => one.started < run.started);
  if (facts.mode === 'always') return { send: true, earlier: [] };
  const isBad = run.status === 'failed';
  if (facts.mode === 'on_failure') {
    return isBad || run.status === 'warning' || isOverdue(facts, run, now)
      ? { send: true, earlier: [] }
      : { send: false };
  }
  const period = facts.mode === 'daily' ? dayOf : weekOf;
  const isFirst = !earlier.some((one) => one.ended !== undefined && period(one) === period(run));
  if (isFirst) return { send: true, earlier: sinceDigest(earlier, period) };
  const isUrgent = isBad || isNewlySuspicious(run, earlier) || isNewlyStale(facts, { run, earlier }, now);
  return isUrgent ? { send: true, earlier: [] } : { send: false };
}

/** Ransomware may be behind it: that must not wait for a week, either. */
function isNewlySuspicious(run: RunRecord, earlier: readonly RunRecord[]): boolean {
  const told = earlier.filter(({ ended }) => ended !== undefined);
  const isTold = (host: string) => hostRunsOf(run.command, host, told)[0]?.record.suspicion !== undefined;
  return run.hosts.some(({ host, suspicion }) => suspicion !== undefined && !isTold(host));
}

/** A backup or a proof is missing. */
function isOverdue(facts: PlanFacts, run: RunRecord, now: Date): boolean {
  const names = facts.hosts.map(({ hostname }) => hostname);
  return (
    staleHosts(facts, run, now).length > 0 || overdueDrills(names, facts.history, facts.drillMaxAgeMs, now).size > 0
  );
}

/** The runs after the one whose mail was the last digest: the first run of a period that came to its end. */
function sinceDigest(earlier: readonly RunRecord[], period: (run: RunRecord) => string): readonly RunRecord[] {
  const ended = earlier.filter((one) => one.ended !== undefined);
  const last = ended[0];
  if (last === undefined) return earlier;
  const digest = ended.filter((one) => period(one) === period(last)).at(-1);
  return earlier.filter((one) => digest !== undefined && one.started > digest.started);
}

function staleHosts({ hosts, history }: PlanFacts, run: RunRecord, now: Date): readonly string[] {
  const runs = [run, ...history.filter(({ id }) => id !== run.id)];
  return freshnessOf(hosts, runs, now).flatMap(({ host, stale }) => (stale ? [host] : []));
}

/** A host has become overdue since the run before: that must not wait for a week. */
function isNewlyStale(
  facts: PlanFacts,
  { run, earlier }: { readonly run: RunRecord; readonly earlier: readonly RunRecord[] },
  now: Date,
): boolean {
  const [last, ...others] = earlier.filter((one) => one.ended !== undefined);
  if (last === undefined) return false;
  const before = staleHosts({ ...facts, history: others }, last, new Date(last.ended ?? last.started));
  return staleHosts(facts, run, now).some((host) => !before.includes(host));
}

function dayOf({ started }: RunRecord): string {
  return started.slice(0, 10);
}

/** The Monday before, UTC. */
function weekOf({ started }: RunRecord): string {
  const day = new Date(`${started.slice(0, 10)}T00:00:00.000Z`);
  const sinceMonday = (day.getUTCDay() + 6) % 7;
  return new Date(day.getTime() - sinceMonday * 86_400_000).toISOString().slice(0, 10);
}
