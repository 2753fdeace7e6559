// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError } from '@local-backup/common/errors';
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import { backupHosts, type HostsPlan } from './backup-hosts.ts';
import { runStatus } from './report/report.ts';

/** A host whose configuration is wrong. */
export interface Rejected {
  readonly hostname: string | undefined;
  /** What is wrong, with file, line and column. */
  readonly message: string;
}

/** The hosts and how to go through them, and where the record of the run goes. */
export interface BackupRun extends Omit<HostsPlan, 'onRecord'> {
  /** Entries of the inventory that cannot be used: failed, without anybody having tried. */
  readonly rejected: readonly Rejected[];
  /** The record as it is at the start: `running`, without hosts. */
  readonly record: RunRecord;
  /** Writes the record; called at the start, after every host, and at the end, so that `kill -9` loses one host at most. */
  readonly save: (record: RunRecord) => Promise<void>;
}

/**
 * Backs up the hosts and resolves with the finished record. A record that cannot be written stops the run at its start
 * only: later it is a failed step of the run, and the backups go on.
 */
export async function runBackup(run: BackupRun): Promise<RunRecord> {
  await run.save(run.record);
  const done = new Map<string, HostRecord>();
  let saving = Promise.resolve();
  const onRecord = (host: HostRecord) => {
    done.set(host.host, host);
    const record = { ...run.record, hosts: [...done.values()] };
    // One after the other: an older state must never replace a newer one.
    saving = saving.then(() => trySave(record, run)).then(() => undefined);
    return saving;
  };
  const worked = await backupHosts({ ...run, onRecord });
  const hosts = [...worked, ...run.rejected.map((rejected) => rejectedRecord(rejected, run.now()))];
  const record = finished(run, hosts, runSteps(run));
  const failure = await trySave(record, run);
  return failure === undefined ? record : finished(run, hosts, [...runSteps(run), failure]);
}

function rejectedRecord({ hostname, message }: Rejected, now: Date): HostRecord {
  const started = now.toISOString();
  const step: StepRecord = { name: 'configuration', status: 'failed', started, seconds: 0, code: 'config', message };
  const host = hostname ?? '(host without a name)';
  return { host, status: 'failed', started, seconds: 0, steps: [step], services: [] };
}

function finished(run: BackupRun, hosts: HostRecord[], steps: readonly StepRecord[]): RunRecord {
  const parts = { hosts, steps: [...run.record.steps, ...steps] };
  return { ...run.record, ...parts, ended: run.now().toISOString(), status: runStatus(parts) };
}

async function trySave(record: RunRecord, { save, log, now }: BackupRun): Promise<StepRecord | undefined> {
  try {
    await save(record);
    return undefined;
  } catch (error) {
    const message = `The record of the run could not be written: ${describeError(error)}`;
    log.error('the record of the run could not be written', { error });
    return { name: 'record', started: now().toISOString(), seconds: 0, status: 'failed', code: 'failed', message };
  }
}

/** What is to be said about the run itself. */
function runSteps({ hosts, rejected, now, signal }: BackupRun): readonly StepRecord[] {
  const step = { name: 'run', started: now().toISOString(), seconds: 0, status: 'failed' as const };
  if (signal.aborted) {
    return [
      {
        ...step,
        code: 'interrupted',
        message: 'The run was ended before all hosts were done. Start it again: backup-server backup',
      },
    ];
  }
  if (hosts.length + rejected.length > 0) return [];
  return [
    {
      ...step,
      code: 'config',
      message: 'There are no hosts to back up: add them under `hosts:` in the configuration.',
    },
  ];
}
