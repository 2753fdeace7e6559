// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { worstStatus } from '@local-backup/common/status';
import { type BackupIo, type BackupResult, backup } from './backup.ts';
import type { ClientConfig } from './config.ts';
import { type FindIo, findServices } from './find-services.ts';
import { pruneSpool } from './publish.ts';
import type { Recovery } from './recover.ts';

export interface ClientRun extends BackupResult {
  readonly recovery: Recovery;
  /** Archives that were older than `keep_days`. */
  readonly pruned: readonly string[];
}

/**
 * Everything that `backup-client backup` does after it has undone what an earlier run had left: find and validate the
 * services, remove old archives, save.
 */
export async function runClient(
  config: ClientConfig,
  wanted: readonly string[],
  recovery: Recovery,
  io: BackupIo & FindIo,
): Promise<ClientRun> {
  const { services, others, warnings } = await findServices(config, wanted, recovery.failed, io);
  for (const warning of warnings) io.log.warn(warning);
  const { baseBackupDir, hostname, keepDays } = config;
  // First: old archives must not take the place that the new one needs. The newest one stays.
  const pruned = await pruneSpool(baseBackupDir, { hostname, keepDays, now: io.now() });
  for (const archive of pruned) io.log.info(`Removed ${archive}: older than keep_days (${keepDays}).`, { archive });
  const result = await backup(config, services, others, io);
  return { ...result, recovery, pruned };
}

/** The record of a run that has come to its end, or was ended by `error`. Pure. */
export function finishedRecord(
  begun: RunRecord,
  end: { readonly run: ClientRun | undefined; readonly message: string | undefined; readonly now: Date },
): RunRecord {
  const { run, now } = end;
  const seconds = Math.max(0, (now.getTime() - Date.parse(begun.started)) / 1000);
  const step = { name: 'backup', started: begun.started, seconds };
  const steps = end.message === undefined ? [] : [{ ...step, status: 'failed' as const, message: end.message }];
  const hosts = run === undefined ? [] : [hostRecord(begun, run, seconds)];
  const status = worstStatus([...steps, ...hosts].map((part) => part.status));
  return { ...begun, ended: now.toISOString(), status, steps, hosts };
}

function hostRecord(begun: RunRecord, { manifest, services, recovery }: ClientRun, seconds: number): HostRecord {
  const recovered = recovery.undone.map((what) => ({
    status: 'warning' as const,
    message: `Put back after an earlier run: ${what}`,
  }));
  const stuck = recovery.failed.map(({ message }) => ({ status: 'failed' as const, message }));
  const steps = [...recovered, ...stuck].map((step) => ({
    name: 'recover',
    started: begun.started,
    seconds: 0,
    ...step,
  }));
  const results = services.map(({ name, type, status, messages, tasks, secondsStopped }) => {
    const all = [...messages, ...tasks.flatMap((task) => task.messages)];
    return { name, type, status, messages: all, ...(secondsStopped > 0 ? { secondsStopped } : {}) };
  });
  return {
    host: begun.hostname,
    status: worstStatus([...steps, ...results].map((part) => part.status)),
    started: begun.started,
    seconds,
    steps,
    services: results,
    ...(manifest === undefined ? {} : { archive: manifest.archive, archiveBytes: manifest.bytes }),
  };
}
