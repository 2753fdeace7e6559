// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import { openRunLog, type RunLog } from '@local-backup/common/run-log';
import type { RunRecord } from '@local-backup/common/run-record';
import { newRecord, saveRun, sweepRuns } from '@local-backup/common/run-store';
import type { RejectedHost } from '../config.ts';
import type { Host } from '../host.ts';
import { deliverOutputs } from '../outputs/deliver.ts';
import { createOutputs } from '../outputs/index.ts';
import { renderDryRun, renderRun } from '../report/render-run.ts';
import { type BackupRun, runBackup } from '../run-backup.ts';
import { type Inventory, selectHosts } from '../select-hosts.ts';
import { hostIoOf } from './adapters.ts';
import { mailBrokenRun } from './broken-config-mail.ts';
import { KEPT_RECORDS, recordDirectory } from './records.ts';
import { createSendMail } from './send-mail.ts';
import { requireDirectory } from './server-checks.ts';
import { loggingTo, type Session } from './session.ts';

export interface BackupOptions {
  /** Look, decide, say so; change and send nothing. */
  readonly dryRun?: boolean;
  /** Store the newest archive even when it was stored before. */
  readonly force?: boolean;
  /** A directory that every mail is saved to as well. */
  readonly saveMail?: string;
}

/**
 * `backup-server backup [HOST...]`: all hosts, then the record, then the mails.
 * @throws whatever ended the run without a summary; the admin has a mail about it then
 */
export async function backup(session: Session, names: readonly string[], options: BackupOptions): Promise<number> {
  try {
    return await lockedRun(session, names, options);
  } catch (error) {
    if (options.dryRun !== true && isForAdmin(error)) await mailBrokenRun(session, error, options.saveMail);
    throw error;
  }
}

/** A wrong name or a second instance is answered to whoever typed it; nobody has to be woken. */
function isForAdmin(error: unknown): boolean {
  return !(error instanceof BackupError && (error.code === 'usage' || error.code === 'locked'));
}

async function lockedRun(session: Session, names: readonly string[], options: BackupOptions): Promise<number> {
  const { config } = session;
  const inventory = selectHosts(config, names);
  await requireDirectory(config.localTempBaseDir);
  return withInstanceLock(join(config.lockDir, 'backup-server.lock'), 'backup-server', async (lost) => {
    const signal = AbortSignal.any([session.signal, lost]);
    const run = { ...inventory, signal };
    return options.dryRun === true ? dryRun(session, run, options) : wholeRun(session, run, options);
  });
}

interface Chosen extends Inventory<Host, RejectedHost> {
  /** Ends the run. */
  readonly signal: AbortSignal;
}

/** Leaves nothing behind: no record, no mail, no log (C71). */
async function dryRun(session: Session, chosen: Chosen, options: BackupOptions): Promise<number> {
  const record = await runBackup({ ...planOf(session, chosen, options), save: async () => undefined });
  showRun(session, record, renderDryRun);
  return record.status === 'failed' ? 1 : 0;
}

async function wholeRun(quiet: Session, chosen: Chosen, options: BackupOptions): Promise<number> {
  const { config, now } = quiet;
  const runLog = await openRunLog({ directory: join(config.stateDir, 'logs'), program: 'backup-server', now: now() });
  const session = loggingTo(quiet, runLog);
  let succeeded = false;
  try {
    const directory = recordDirectory(config);
    const record = await runBackup({
      ...planOf(session, chosen, options),
      save: (state) => saveRun(directory, state),
    });
    showRun(session, record, renderRun);
    const undelivered = await deliver(session, record, { runLog, saveMail: options.saveMail });
    await sweepRuns(directory, KEPT_RECORDS);
    succeeded = record.status !== 'failed' && undelivered === 0;
  } finally {
    const where = await runLog.close(succeeded);
    if (where !== undefined) quiet.log.info(where);
  }
  return succeeded ? 0 : 1;
}

function planOf(
  session: Session,
  { hosts, rejectedHosts, signal }: Chosen,
  options: BackupOptions,
): Omit<BackupRun, 'save'> {
  const { config, log, now } = session;
  const { dryRun = false, force = false } = options;
  return {
    record: newRecord('backup-server', config.hostname, now(), randomBytes(4)),
    hosts,
    rejected: rejectedHosts,
    parallel: config.parallelHosts,
    retries: dryRun ? 0 : config.retryFailedHosts,
    hostTimeLimitMs: config.hostTimeLimitMs,
    open: (host, hostLog, hostSignal) =>
      hostIoOf(host, session, { dryRun, force }, { log: hostLog, signal: hostSignal }),
    log,
    now,
    signal,
  };
}

function showRun({ json, print }: Session, record: RunRecord, render: typeof renderRun): void {
  if (json) print(JSON.stringify(record));
  else for (const line of render(record)) print(line);
}

async function deliver(
  session: Session,
  record: RunRecord,
  { runLog, saveMail }: { readonly runLog: RunLog; readonly saveMail: string | undefined },
): Promise<number> {
  const { config, log, now } = session;
  const kept = record.status === 'failed' ? `${runLog.path} and ` : '';
  const outputs = createOutputs({
    config,
    log: `${kept}journalctl -u backup-server --since "${record.started.slice(0, 19).replace('T', ' ')} UTC"`,
    recordDirectory: recordDirectory(config),
    send: createSendMail(session, { runId: record.id, saveMail }),
  });
  return deliverOutputs(outputs, record, now(), log);
}
