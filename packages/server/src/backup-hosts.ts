// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { HostRecord, StepRecord } from '@local-backup/common/run-record';
import { backupHost, type HostIo, type HostProgress } from './backup-host.ts';
import type { Host } from './host.ts';
import { mapParallel } from './parallel.ts';
import { failedStep, hostStatus } from './report/report.ts';
import { createTrail, stepCodeOf } from './report/trail.ts';
import { createTimeLimit, type TimeLimit } from './time-limit.ts';

/** How a run goes through its hosts. */
export interface HostsPlan {
  readonly hosts: readonly Host[];
  /** Hosts at a time. */
  readonly parallel: number;
  /** How often hosts that failed are tried again, after all the others. */
  readonly retries: number;
  /** A host that takes longer than this many milliseconds is ended; undefined: no limit. */
  readonly hostTimeLimitMs: number | undefined;
  /** Builds the adapters for one host. */
  readonly open: (host: Host, log: Log, signal: AbortSignal) => HostIo;
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the run: hosts under way end, the others are not begun. */
  readonly signal: AbortSignal;
  /** Called whenever a host is done, also when a second attempt replaces its record. */
  readonly onRecord: (record: HostRecord) => Promise<void>;
}

/** Reason code of hosts that were not begun because the run was ended. */
const INTERRUPTED = 'INTERRUPTED';

/** Codes of failures that may be gone an hour later; a wrong host key or a typo is not. */
const WORTH_A_RETRY: ReadonlySet<string> = new Set(['failed', 'locked']);

/** Backs up all hosts, each on its own: whatever happens to one, the next one gets its turn. In the order of `hosts`. */
export async function backupHosts(plan: HostsPlan): Promise<readonly HostRecord[]> {
  const records = new Map<string, HostRecord>();
  const attempt = async (host: Host) => {
    const record = await recordHost(host, plan, records.get(host.hostname));
    records.set(host.hostname, record);
    await plan.onRecord(record);
  };
  await mapParallel(plan.hosts, plan.parallel, attempt);
  for (let retry = 0; retry < plan.retries && !plan.signal.aborted; retry += 1) {
    const again = plan.hosts.filter((host) => isWorthRetrying(records.get(host.hostname)));
    await mapParallel(again, plan.parallel, attempt);
  }
  return plan.hosts.flatMap((host) => records.get(host.hostname) ?? []);
}

function isWorthRetrying(record: HostRecord | undefined): boolean {
  const step = record === undefined ? undefined : failedStep(record);
  if (record?.snapshot !== undefined || record?.skipped !== undefined) return false;
  return step !== undefined && WORTH_A_RETRY.has(step.code ?? '');
}

/** One attempt at one host. One of the four places that catch errors: they become the host's record. */
async function recordHost(host: Host, plan: HostsPlan, earlier: HostRecord | undefined): Promise<HostRecord> {
  const log = plan.log.child({ host: host.hostname });
  const started = plan.now();
  const progress: HostProgress = { trail: createTrail(log, plan.now), facts: { services: [] } };
  if (plan.signal.aborted) return interruptedRecord(host, started, earlier);
  const limit = createTimeLimit(plan.hostTimeLimitMs, plan.signal);
  log.info(earlier === undefined ? 'backing up this host' : 'trying this host again');
  try {
    await backupHost(plan.open(host, log, limit.signal), progress);
    noteRetry(earlier, progress);
  } catch (error) {
    log.error('this host was not backed up', { error });
    await recordFailure(error, progress, limit, plan.signal);
  } finally {
    limit.clear();
  }
  const record = finishedRecord(host, started, progress, plan.now());
  log.info(`done with this host: ${record.status}`, { seconds: record.seconds });
  return record;
}

function finishedRecord(host: Host, started: Date, { trail, facts }: HostProgress, now: Date): HostRecord {
  const seconds = Math.max(0, (now.getTime() - started.getTime()) / 1000);
  const record = { host: host.hostname, started: started.toISOString(), seconds, steps: [...trail.steps], ...facts };
  return { ...record, status: hostStatus(record) };
}

/** A second attempt that went well is a success; that it took one may be the first sign of a bad line. */
function noteRetry(earlier: HostRecord | undefined, { trail }: HostProgress): void {
  const failed = earlier === undefined ? undefined : failedStep(earlier);
  if (failed !== undefined) trail.note('retry', `an earlier attempt failed: ${failed.name}: ${failed.message}`);
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

/** A host that was not begun; what an earlier attempt has found is kept. */
function interruptedRecord(host: Host, started: Date, earlier: HostRecord | undefined): HostRecord {
  if (earlier !== undefined) return earlier;
  const message = 'The run was ended before the turn of this host came.';
  const step = { name: 'host', started: started.toISOString(), seconds: 0, status: 'skipped' as const };
  return {
    host: host.hostname,
    status: 'skipped',
    started: started.toISOString(),
    seconds: 0,
    steps: [{ ...step, message, code: INTERRUPTED }],
    skipped: INTERRUPTED,
    services: [],
  };
}
