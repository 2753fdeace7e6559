// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { HostRecord, StepRecord } from '@local-backup/common/run-record';
import { hostStatus } from './report/report.ts';
import { createTrail, stepCodeOf, type Trail } from './report/trail.ts';
import { createTimeLimit, type TimeLimit } from './time-limit.ts';

/** What a host's record says beside its steps; filled in as it becomes known, so that a failure does not lose it. */
export type HostFacts = Omit<HostRecord, 'host' | 'status' | 'started' | 'seconds' | 'steps'>;

/** Steps and facts of a host under way. */
export interface HostProgress {
  readonly trail: Trail;
  readonly facts: HostFacts;
}

/** How one host is tried. */
export interface AttemptPlan {
  /** A host that takes longer than this many milliseconds is ended; undefined: no limit. */
  readonly hostTimeLimitMs: number | undefined;
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** What the log says at the start and after a failure: "backing up this host", "this host was not backed up". */
  readonly words: { readonly begin: string; readonly failed: string };
}

/** What is done with one host. Everything that is known by the time it throws is in `progress`. */
export type HostWork = (log: Log, signal: AbortSignal, progress: HostProgress) => Promise<void>;

/** Reason code of hosts that were not begun because the run was ended. */
const INTERRUPTED = 'INTERRUPTED';

/** One attempt at one host. One of the four places that catch errors: they become the host's record. */
export async function attemptHost(hostname: string, plan: AttemptPlan, work: HostWork): Promise<HostRecord> {
  const log = plan.log.child({ host: hostname });
  const started = plan.now();
  const progress: HostProgress = { trail: createTrail(log, plan.now), facts: { services: [] } };
  if (plan.signal.aborted) return notBegun(hostname, started);
  const limit = createTimeLimit(plan.hostTimeLimitMs, plan.signal);
  log.info(plan.words.begin);
  try {
    await work(log, limit.signal, progress);
  } catch (error) {
    log.error(plan.words.failed, { error });
    await recordFailure(error, progress, limit, plan.signal);
  } finally {
    limit.clear();
  }
  const record = finishedRecord(hostname, started, progress, plan.now());
  tellServices(record, log);
  log.info(`done with this host: ${record.status}`, { seconds: record.seconds });
  return record;
}

/** What the client could not save has not been told as an error: it came in the manifest, and the host was stored without it. */
function tellServices({ services }: HostRecord, log: Log): void {
  for (const { type, name, status, messages } of services) {
    if (status === 'failed')
      log.error(`service ${type}/${name} was not saved on the client: ${messages[0] ?? 'no reason'}`);
  }
}

function finishedRecord(host: string, started: Date, { trail, facts }: HostProgress, now: Date): HostRecord {
  const seconds = Math.max(0, (now.getTime() - started.getTime()) / 1000);
  const record = { host, started: started.toISOString(), seconds, steps: [...trail.steps], ...facts };
  return { ...record, status: hostStatus(record) };
}

/** Makes sure that the trail says why the host failed: most errors were recorded by the step they came from. */
async function recordFailure(error: unknown, { trail }: HostProgress, limit: TimeLimit, signal: AbortSignal) {
  const reason = endedBecause(limit, signal);
  const failures = trail.steps.filter((step) => step.status === 'failed');
  const isReason = ({ code, message }: StepRecord) =>
    message === reason?.message || (reason?.code === 'interrupted' && code === stepCodeOf(reason));
  const isRecorded = reason === undefined ? failures.length > 0 : failures.some(isReason);
  if (!isRecorded) await trail.step('host', () => Promise.reject(reason ?? error)).catch(() => undefined);
}

/** Why the host was ended from outside; whatever error surfaced then is only its consequence. */
function endedBecause(limit: TimeLimit, signal: AbortSignal): BackupError | undefined {
  if (!signal.aborted) return limit.exceeded();
  const message = 'The run was ended while this host was under way; the next run does it again.';
  return new BackupError('interrupted', message, { cause: signal.reason });
}

/** A host whose turn did not come. */
function notBegun(host: string, now: Date): HostRecord {
  const message = 'The run was ended before the turn of this host came.';
  const started = now.toISOString();
  const step = { name: 'host', started, seconds: 0, status: 'skipped' as const, message, code: INTERRUPTED };
  return { host, status: 'skipped', started, seconds: 0, steps: [step], skipped: INTERRUPTED, services: [] };
}
