// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { waitOf, withLockInTurn } from '@local-backup/common/wait-for-lock';
import type { RejectedHost } from '../config/config.ts';
import type { Host } from '../config/host.ts';
import { renderDryRun, renderRun } from '../report/render-run.ts';
import { type BackupRun, runBackup } from '../run-backup.ts';
import { type Inventory, selectHosts } from '../select-hosts.ts';
import { hostIoOf } from './adapters.ts';
import { mailBrokenRun } from './broken-config-mail.ts';
import { clockFinding } from './clock.ts';
import { beginRecord, runRecorded, showRun } from './recorded-command.ts';
import { requireDirectory } from './server-checks.ts';
import type { Session } from './session.ts';

export interface BackupOptions {
  /** Look, decide, say so; change and send nothing. */
  readonly dryRun?: boolean;
  /** Store the newest archive even when it was stored before. */
  readonly force?: boolean;
  /** A directory that every mail is saved to as well. */
  readonly saveMail?: string;
  /** How long another run may take to end before this one gives up: a time, such as `2h`. */
  readonly wait?: string;
}

/**
 * `backup-server backup [HOST...]`: all hosts, then the record, then the mails.
 * @throws whatever ended the run without a summary; the admin has a mail about it then
 */
export async function backup(session: Session, names: readonly string[], options: BackupOptions): Promise<number> {
  try {
    return await lockedRun(session, names, options);
  } catch (error) {
    if (options.dryRun !== true) await mailBrokenRun(session, error, options.saveMail);
    throw error;
  }
}

async function lockedRun(session: Session, names: readonly string[], options: BackupOptions): Promise<number> {
  const { config } = session;
  const inventory = selectHosts(config, names);
  await requireDirectory(config.localTempBaseDir);
  const lock = { path: join(config.lockDir, 'backup-server.lock'), program: 'backup-server' };
  return withLockInTurn(lock, { ...session, waitMs: waitOf(options.wait) }, async (lost) => {
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
  const recording = { record: beginRecord(session, 'backup'), save: async () => undefined };
  const record = await runBackup({ ...recording, ...planOf(session, chosen, options) });
  showRun(session, record, renderDryRun);
  return record.status === 'failed' ? 1 : 0;
}

function wholeRun(quiet: Session, chosen: Chosen, options: BackupOptions): Promise<number> {
  return runRecorded(quiet, {
    command: 'backup',
    saveMail: options.saveMail,
    render: renderRun,
    work: async (session, recording) => {
      const { steps } = await clockFinding(session);
      const record = { ...recording.record, steps: [...recording.record.steps, ...steps] };
      return runBackup({ ...recording, record, ...planOf(session, chosen, options) });
    },
  });
}

function planOf(
  session: Session,
  { hosts, rejectedHosts, signal }: Chosen,
  options: BackupOptions,
): Omit<BackupRun, 'record' | 'save'> {
  const { config, log, now } = session;
  const { dryRun = false, force = false } = options;
  return {
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
