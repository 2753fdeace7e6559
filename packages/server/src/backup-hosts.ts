// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Log } from '@local-backup/common/log';
import { mapParallel } from '@local-backup/common/parallel';
import type { HostRecord } from '@local-backup/common/run-record';
import { backupHost, type HostIo } from './backup-host.ts';
import type { Host } from './config/host.ts';
import { copyHost, hasToCopy } from './copies/copy-host.ts';
import { attemptHost, type HostProgress } from './host-attempt.ts';
import { failedStep, hostStatus } from './report/report.ts';

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

/** Codes of failures that may be gone an hour later; a wrong host key or a typo is not. */
const WORTH_A_RETRY: ReadonlySet<string> = new Set(['failed', 'locked']);

/**
 * Backs up all hosts, each on its own: whatever happens to one, the next one gets its turn. Further repositories come after
 * that, because a line to another place may be slow. In the order of `hosts`.
 */
export async function backupHosts(plan: HostsPlan): Promise<readonly HostRecord[]> {
  const records = new Map<string, HostRecord>();
  const toCopy = new Set<Host>();
  const keep = async (record: HostRecord) => {
    records.set(record.host, record);
    await plan.onRecord(record);
  };
  const attempt = async (host: Host) => {
    const onDone = (hasCopies: boolean) => void (hasCopies && toCopy.add(host));
    await keep(await recordHost(host, plan, { earlier: records.get(host.hostname), onDone }));
  };
  await mapParallel(plan.hosts, plan.parallel, attempt);
  for (let retry = 0; retry < plan.retries && !plan.signal.aborted; retry += 1) {
    const again = plan.hosts.filter((host) => isWorthRetrying(records.get(host.hostname)));
    await mapParallel(again, plan.parallel, attempt);
  }
  await mapParallel([...toCopy], plan.parallel, async (host) => {
    const record = records.get(host.hostname);
    if (record !== undefined && !plan.signal.aborted) await keep(await recordCopies(host, plan, record));
  });
  return plan.hosts.flatMap((host) => records.get(host.hostname) ?? []);
}

function isWorthRetrying(record: HostRecord | undefined): boolean {
  const step = record === undefined ? undefined : failedStep(record);
  if (record?.snapshot !== undefined || record?.skipped !== undefined) return false;
  return step !== undefined && WORTH_A_RETRY.has(step.code ?? '');
}

interface Attempt {
  readonly earlier: HostRecord | undefined;
  /** Called where the host is stored, or had nothing new: is there a further repository to bring up to date? */
  readonly onDone: (hasCopies: boolean) => void;
}

/** What an earlier attempt has found is kept where the run ends before the second one. */
function recordHost(host: Host, plan: HostsPlan, { earlier, onDone }: Attempt): Promise<HostRecord> {
  if (earlier !== undefined && plan.signal.aborted) return Promise.resolve(earlier);
  const begin = earlier === undefined ? 'backing up this host' : 'trying this host again';
  const words = { begin, failed: 'this host was not backed up' };
  return attemptHost(host.hostname, { ...plan, words }, async (log, signal, progress) => {
    const io = plan.open(host, log, signal);
    await backupHost(io, progress);
    onDone(hasToCopy(io, progress));
    noteRetry(earlier, progress);
  });
}

/** The time limit of a host counts anew: its backup is done. */
async function recordCopies(host: Host, plan: HostsPlan, record: HostRecord): Promise<HostRecord> {
  const words = { begin: 'copying the snapshots of this host', failed: 'the snapshots were not copied' };
  const copied = await attemptHost(host.hostname, { ...plan, words }, (log, signal, progress) =>
    copyHost(plan.open(host, log, signal), progress),
  );
  const { copies = [], steps, seconds } = copied;
  const whole = { ...record, copies, steps: [...record.steps, ...steps], seconds: record.seconds + seconds };
  return { ...whole, status: hostStatus(whole) };
}

/** A second attempt that went well is a success; that it took one may be the first sign of a bad line. */
function noteRetry(earlier: HostRecord | undefined, { trail }: HostProgress): void {
  const failed = earlier === undefined ? undefined : failedStep(earlier);
  if (failed !== undefined) trail.note('retry', `an earlier attempt failed: ${failed.name}: ${failed.message}`);
}
