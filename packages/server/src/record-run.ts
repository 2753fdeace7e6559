// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import { runStatus } from './report/report.ts';

/** A host whose configuration is wrong. */
export interface Rejected {
  readonly hostname: string | undefined;
  /** What is wrong, with file, line and column. */
  readonly message: string;
}

/** A run of any command that goes through hosts, and where its record goes. */
export interface RecordedRun {
  /** The record as it is at the start: `running`, without hosts. */
  readonly record: RunRecord;
  /** Writes the record; called at the start, after every host, and at the end, so that `kill -9` loses one host at most. */
  readonly save: (record: RunRecord) => Promise<void>;
  /** Entries of the inventory that cannot be used: failed, without anybody having tried. */
  readonly rejected: readonly Rejected[];
  readonly log: Log;
  readonly now: () => Date;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

/** To be called whenever a host is done, also when a second attempt replaces its record. */
export type OnRecord = (record: HostRecord) => Promise<void>;

/**
 * Does `work` with the hosts and resolves with the finished record. A record that cannot be written stops the run at its
 * start only: later it is a failed step of the run, and the work goes on.
 *
 * @param work goes through the hosts, tells of each, and resolves with the records of all in the order of the inventory
 */
export async function recordRun(
  run: RecordedRun,
  work: (onRecord: OnRecord) => Promise<readonly HostRecord[]>,
): Promise<RunRecord> {
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
  const worked = await work(onRecord);
  const hosts = [...worked, ...run.rejected.map((rejected) => rejectedRecord(rejected, run.now()))];
  const record = finished(run, hosts, runSteps(run, hosts.length));
  const failure = await trySave(record, run);
  return failure === undefined ? record : finished(run, hosts, [...runSteps(run, hosts.length), failure]);
}

function rejectedRecord({ hostname, message }: Rejected, now: Date): HostRecord {
  const started = now.toISOString();
  const step: StepRecord = { name: 'configuration', status: 'failed', started, seconds: 0, code: 'config', message };
  const host = hostname ?? '(host without a name)';
  return { host, status: 'failed', started, seconds: 0, steps: [step], services: [] };
}

function finished(run: RecordedRun, hosts: HostRecord[], steps: readonly StepRecord[]): RunRecord {
  const parts = { hosts, steps: [...run.record.steps, ...steps] };
  return { ...run.record, ...parts, ended: run.now().toISOString(), status: runStatus(parts) };
}

async function trySave(record: RunRecord, { save, log, now }: RecordedRun): Promise<StepRecord | undefined> {
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
function runSteps({ record, now, signal }: RecordedRun, hosts: number): readonly StepRecord[] {
  const step = { name: 'run', started: now().toISOString(), seconds: 0, status: 'failed' as const };
  if (signal.aborted) {
    return [
      {
        ...step,
        code: 'interrupted',
        message: `The run was ended before all hosts were done. Start it again: backup-server ${record.command}`,
      },
    ];
  }
  if (hosts > 0) return [];
  return [
    {
      ...step,
      code: 'config',
      message: 'There are no hosts: add them under `hosts:` in the configuration.',
    },
  ];
}
