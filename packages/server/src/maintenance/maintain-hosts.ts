// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { HostRecord } from '@local-backup/common/run-record';
import type { Host } from '../config/host.ts';
import { attemptHost, type HostProgress } from '../host-attempt.ts';
import { isFuture } from '../report/freshness.ts';
import { failedStep } from '../report/report.ts';
import { humanDuration } from '../report/text.ts';

/** How a maintenance goes through its hosts: one at a time, because each keeps the disks busy. */
export interface UpkeepPlan {
  readonly hosts: readonly Host[];
  /** When the last maintenance of a host began (ISO); undefined: never, or nobody knows. */
  readonly lastBegun: (host: Host) => Promise<string | undefined>;
  /** Milliseconds after which no further host is begun. */
  readonly maxDurationMs: number;
  /** Milliseconds that a host is waited for whose repository another command of this server is at work with. */
  readonly busyWaitMs: number;
  /** That its repository does not get free is a skip, or makes the host fail: somebody has asked for just that host. */
  readonly busy: 'skipped' | 'failed';
  /** Does the work of one host. Resolves with who is in the way where the repository was not free in `waitMs`. */
  readonly maintain: (
    host: Host,
    progress: HostProgress,
    how: { readonly waitMs: number; readonly signal: AbortSignal },
  ) => Promise<{ readonly busy: string | undefined }>;
  readonly log: Log;
  readonly now: () => Date;
  /** Milliseconds from any moment on, by a clock that is never set. */
  readonly elapsed: () => number;
  /** Ends the run: the host under way ends, the others are not begun. */
  readonly signal: AbortSignal;
  /** Called whenever a host is done, also when a second attempt replaces its record. */
  readonly onRecord: (record: HostRecord) => Promise<void>;
}

const NO_TIME = 'SKIPPED_NO_TIME';
const BUSY = 'SKIPPED_BUSY';

/**
 * Maintains all hosts, those first that waited longest; what there is no time for comes first in the next run. A host
 * whose repository somebody else is at work with gets its turn after the others. The records are in the order of `hosts`.
 */
export async function maintainHosts(plan: UpkeepPlan): Promise<readonly HostRecord[]> {
  const records = new Map<string, HostRecord>();
  const end = plan.elapsed() + plan.maxDurationMs;
  const goThrough = async (
    hosts: readonly Host[],
    how: { readonly waitMs: number; readonly busy: UpkeepPlan['busy'] },
  ) => {
    for (const host of hosts) {
      const left = end - plan.elapsed();
      const earlier = records.get(host.hostname);
      if (left <= 0 && earlier !== undefined) continue;
      const waitMs = Math.min(how.waitMs, left);
      const record =
        left <= 0 ? noTime(host, plan) : withEarlier(await attempt(host, plan, { ...how, waitMs }), earlier);
      records.set(host.hostname, record);
      await plan.onRecord(record);
    }
  };
  await goThrough(await longestWaitFirst(plan), { waitMs: 0, busy: 'skipped' });
  const again = plan.hosts.filter(({ hostname }) => isWorthAnotherTry(records.get(hostname)) && !plan.signal.aborted);
  await goThrough(again, { waitMs: plan.busyWaitMs, busy: plan.busy });
  return plan.hosts.flatMap((host) => records.get(host.hostname) ?? []);
}

/** Another command of this server, or another restic, had the repository; it may be done by now. */
function isWorthAnotherTry(record: HostRecord | undefined): boolean {
  if (record === undefined) return false;
  return record.skipped === BUSY || failedStep(record)?.code === 'locked';
}

/** What the first attempt has forgotten counts, though the second one finds it gone already. */
function withEarlier(record: HostRecord, earlier: HostRecord | undefined): HostRecord {
  const { snapshots = 0, forgotten = 0 } = earlier?.upkeep ?? {};
  if (forgotten === 0) return record;
  const found = record.upkeep ?? { snapshots: snapshots - forgotten, forgotten: 0 };
  const both = { snapshots: found.snapshots + forgotten, forgotten: found.forgotten + forgotten };
  return { ...record, upkeep: { ...found, ...both } };
}

/** A time that a wrong clock has left says nothing: its host would be the last one until that time has come. */
async function longestWaitFirst({ hosts, lastBegun, now }: UpkeepPlan): Promise<readonly Host[]> {
  const sinceWhen = async (host: Host) => {
    const begun = (await lastBegun(host)) ?? '';
    return isFuture(begun, now()) ? '' : begun;
  };
  const waiting = await Promise.all(hosts.map(async (host) => ({ host, since: await sinceWhen(host) })));
  return waiting.sort((a, b) => (a.since < b.since ? -1 : Number(a.since > b.since))).map(({ host }) => host);
}

function attempt(
  host: Host,
  plan: UpkeepPlan,
  { waitMs, busy: busyIs }: { readonly waitMs: number; readonly busy: UpkeepPlan['busy'] },
): Promise<HostRecord> {
  const words = { begin: 'maintaining the repository of this host', failed: 'this host was not maintained' };
  // Each command has a time limit of its own; to end a prune half-way would only have the next run do it again.
  const limits = { hostTimeLimitMs: undefined, words };
  return attemptHost(host.hostname, { ...plan, ...limits }, async (_, signal, progress) => {
    const { busy } = await plan.maintain(host, progress, { waitMs, signal });
    if (busy === undefined) return;
    const text = `another backup-server (${busy}) is at work with the repository.`;
    if (busyIs === 'failed') throw new BackupError('locked', `Nothing was done: ${text} Try again when it has ended.`);
    progress.facts.skipped = BUSY;
    const next = 'The next maintenance begins with the hosts that waited longest.';
    progress.trail.skip('repository', BUSY, `${text} ${next}`);
  });
}

/** A host that there was no time for. */
function noTime({ hostname }: Host, { now, maxDurationMs, log }: UpkeepPlan): HostRecord {
  const started = now().toISOString();
  const message = `the run had taken ${humanDuration(maxDurationMs)} (max_duration) when the turn of this host came. The next one begins with it.`;
  log.warn(`${NO_TIME}: ${message}`, { host: hostname });
  const step = { name: 'host', started, seconds: 0, status: 'skipped' as const, message, code: NO_TIME };
  return { host: hostname, status: 'skipped', started, seconds: 0, steps: [step], skipped: NO_TIME, services: [] };
}
