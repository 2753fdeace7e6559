// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Log } from '@local-backup/common/log';
import type { HostRecord } from '@local-backup/common/run-record';
import type { Host } from '../config/host.ts';
import { attemptHost, type HostProgress } from '../host-attempt.ts';
import type { LastDrill } from '../report/drills.ts';
import { isStale } from '../report/freshness.ts';
import { formatTime, humanDuration } from '../report/text.ts';
import { longestWaitingFirst } from './drill-choice.ts';
import type { DrillDirectory } from './drill-directory.ts';
import { type DrillIo, drillHost } from './drill-host.ts';

/** How drills go through the hosts. Times in milliseconds. */
export interface DrillPlan {
  readonly hosts: readonly Host[];
  /** The last successful drill of each host. */
  readonly last: ReadonlyMap<string, LastDrill>;
  readonly maxAgeMs: number;
  /** No host is begun later than this after the start. */
  readonly maxDurationMs: number;
  /** A host that takes longer is ended; undefined: no limit. */
  readonly hostTimeLimitMs: number | undefined;
  /** Called for every host: what is wrong with the directory is why each of them fails. */
  readonly openDirectory: () => Promise<DrillDirectory>;
  /** Builds the adapters for one host. */
  readonly open: (
    host: Host,
    attempt: { readonly log: Log; readonly signal: AbortSignal },
  ) => Omit<DrillIo, 'directory'>;
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the run: the host under way ends, the others are not begun. */
  readonly signal: AbortSignal;
  /** Called whenever a host is done. */
  readonly onRecord: (record: HostRecord) => Promise<void>;
}

/** Reason code of hosts whose turn did not come within `drill.max_duration`. */
const NO_TIME = 'SKIPPED_NO_TIME';

/**
 * One drill after the other, those first that have waited longest, until the time is up; so the next run goes on where
 * this one has ended. The records are in the order of `hosts`.
 */
export async function drillHosts(plan: DrillPlan): Promise<readonly HostRecord[]> {
  const end = performance.now() + plan.maxDurationMs;
  const records = new Map<string, HostRecord>();
  for (const host of longestWaitingFirst(plan.hosts, plan.last)) {
    const isInTime = performance.now() < end;
    const record = await (isInTime ? tryHost(host, plan) : skipHost(host, plan));
    records.set(host.hostname, record);
    await plan.onRecord(record);
  }
  return plan.hosts.flatMap(({ hostname }) => records.get(hostname) ?? []);
}

function tryHost(host: Host, plan: DrillPlan): Promise<HostRecord> {
  const words = { begin: 'restoring to prove that it can be done', failed: 'the restore of this host is not proven' };
  return attemptHost(host.hostname, { ...plan, words }, async (log, signal, progress) => {
    try {
      const directory = await progress.trail.step('directory', plan.openDirectory);
      await drillHost({ ...plan.open(host, { log, signal }), directory }, progress);
      if (progress.facts.drill === undefined) warnOfAge(host, plan, progress);
    } catch (error) {
      progress.trail.note('last drill', lastText(plan.last.get(host.hostname), plan));
      throw error;
    }
  });
}

function skipHost(host: Host, plan: DrillPlan): Promise<HostRecord> {
  const words = { begin: 'leaving this host to the next drill', failed: 'this host was not begun' };
  return attemptHost(host.hostname, { ...plan, words }, async (_log, _signal, progress) => {
    progress.facts.skipped = NO_TIME;
    const limit = humanDuration(plan.maxDurationMs);
    progress.trail.skip(
      'host',
      NO_TIME,
      `the time for drills was up (drill.max_duration, ${limit}); the next one begins with this host`,
    );
    warnOfAge(host, plan, progress);
  });
}

/** A host that is left over again and again must not go unnoticed. */
function warnOfAge({ hostname }: Host, plan: DrillPlan, { trail }: HostProgress): void {
  const last = plan.last.get(hostname);
  if (!isStale(last?.time, plan.maxAgeMs, plan.now())) return;
  trail.warn(
    'last drill',
    `${lastText(last, plan)}; at most ${humanDuration(plan.maxAgeMs)} is allowed (drill.max_age)`,
  );
}

function lastText(last: LastDrill | undefined, { now }: DrillPlan): string {
  if (last === undefined) return 'no restore of this host was ever proven by a drill';
  const age = humanDuration(Math.max(0, now().getTime() - new Date(last.time).getTime()));
  return `the last restore that was proven was that of ${formatTime(last.time)}, ${age} ago, of snapshot ${last.snapshot.slice(0, 8)}`;
}
