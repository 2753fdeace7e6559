// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openRunLog, type RunLog } from '@local-backup/common/run-log';
import type { RunRecord } from '@local-backup/common/run-record';
import { newRecord, saveRun } from '@local-backup/common/run-store';
import { deliverOutputs } from '../outputs/deliver.ts';
import { createOutputs } from '../outputs/index.ts';
import { pastRuns, recordDirectory, sweepRecords } from './records.ts';
import { createPost } from './send-mail.ts';
import { loggingTo, type Session } from './session.ts';

/** The record of a run as it is at the start, and how it is kept; see `RecordedRun`. */
export interface Recording {
  readonly record: RunRecord;
  readonly save: (record: RunRecord) => Promise<void>;
}

/** A command that leaves a record, a log when it fails, and mails. */
export interface RecordedCommand {
  /** As on the command line; the record names it. */
  readonly command: string;
  /** A directory that every mail is saved to as well. */
  readonly saveMail: string | undefined;
  /** The record for people. */
  readonly render: (record: RunRecord) => readonly string[];
  /** @param session logs into the log of the run too */
  readonly work: (session: Session, recording: Recording) => Promise<RunRecord>;
}

/** The record of a run of `command` that begins now, written nowhere yet. */
export function beginRecord({ config, now }: Session, command: string): RunRecord {
  const run = { program: 'backup-server', command, hostname: config.hostname } as const;
  return newRecord(run, now(), randomBytes(4));
}

/**
 * Does the work with a record and a log of its own, shows the result, and delivers it.
 * @returns the exit code: 1 also where the report could not be delivered
 */
export async function runRecorded(quiet: Session, plan: RecordedCommand): Promise<number> {
  const { config, now } = quiet;
  const directory = recordDirectory(config);
  const program = plan.command === 'backup' ? 'backup-server' : `backup-server-${plan.command}`;
  const runLog = await openRunLog({ directory: join(config.stateDir, 'logs'), program, now: now() });
  const session = loggingTo(quiet, runLog);
  let succeeded = false;
  try {
    const begun = beginRecord(session, plan.command);
    const record = await plan.work(session, { record: begun, save: (state) => saveRun(directory, state) });
    showRun(session, record, plan.render);
    const past = await pastRuns(session);
    const history = past?.runs ?? [];
    const undelivered = await deliver(session, record, { runLog, saveMail: plan.saveMail, history });
    // What old records are worth is not known where they cannot be read.
    if (past !== undefined) await sweepRecords(session, past);
    succeeded = record.status !== 'failed' && undelivered === 0;
  } finally {
    const where = await runLog.close(succeeded);
    if (where !== undefined) quiet.log.info(where);
  }
  return succeeded ? 0 : 1;
}

/** A record as the command's result: JSON where that was asked for. */
export function showRun({ json, print }: Session, record: RunRecord, render: RecordedCommand['render']): void {
  if (json) print(JSON.stringify(record));
  else for (const line of render(record)) print(line);
}

interface Delivery {
  readonly runLog: RunLog;
  readonly saveMail: string | undefined;
  readonly history: readonly RunRecord[];
}

async function deliver(session: Session, record: RunRecord, { runLog, saveMail, history }: Delivery): Promise<number> {
  const { config, log, now } = session;
  const kept = record.status === 'failed' ? `${runLog.path} and ` : '';
  const post = createPost(session, { runId: record.id, saveMail });
  // What could not be sent before comes first: it is older.
  const waiting = await post.sendWaiting();
  const outputs = createOutputs({
    config,
    log: `${kept}journalctl -u ${unitOf(record)} --since "${record.started.slice(0, 19).replace('T', ' ')} UTC"`,
    recordDirectory: recordDirectory(config),
    history,
    send: post.send,
  });
  return waiting + (await deliverOutputs(outputs, record, now(), log));
}

/** The systemd unit that runs a command, by the names of the original shell version (C78). */
function unitOf({ command }: RunRecord): string {
  if (command === 'maintenance') return 'restic-maintenance';
  if (command === 'drill') return 'backup-drill';
  return command === 'backup' ? 'backup-server' : `backup-server-${command}`;
}
