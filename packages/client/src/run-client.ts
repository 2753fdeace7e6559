// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { worstStatus } from '@local-backup/common/status';
import { type BackupIo, type BackupResult, backup } from './backup.ts';
import type { ClientConfig } from './config.ts';
import { type FindIo, findServices } from './find-services.ts';
import { pruneSpool } from './publish.ts';
import { type Recovery, recover } from './recover.ts';

export interface ClientRun extends BackupResult {
  readonly recovery: Recovery;
  /** Archives that were older than `keep_days`. */
  readonly pruned: readonly string[];
}

/**
 * Everything that `backup-client backup` does while it holds the instance lock: undo what a killed run has left, find
 * and validate the services, save them, remove old archives.
 */
export async function runClient(
  config: ClientConfig,
  wanted: readonly string[],
  io: BackupIo & FindIo,
): Promise<ClientRun> {
  const recovery = await recover(io.plugins, io);
  const { services, others } = await findServices(config, wanted, recovery.failed, io);
  const result = await backup(config, services, others, io);
  const { baseBackupDir, hostname, keepDays } = config;
  const pruned = await pruneSpool(baseBackupDir, { hostname, keepDays, now: io.now() });
  for (const archive of pruned) io.log.info(`Removed ${archive}: older than keep_days (${keepDays}).`, { archive });
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
    message: `Put back after a killed run: ${what}`,
  }));
  const stuck = recovery.failed.map(({ message }) => ({ status: 'failed' as const, message }));
  const steps = [...recovered, ...stuck].map((step) => ({
    name: 'recover',
    started: begun.started,
    seconds: 0,
    ...step,
  }));
  const results = services.map(({ name, type, status, messages, tasks }) => {
    return { name, type, status, messages: [...messages, ...tasks.flatMap((task) => task.messages)] };
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
