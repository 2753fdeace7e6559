// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { formatArchiveName, stampOf } from '@local-backup/common/archive-name';
import { BackupError, describeError, markReported } from '@local-backup/common/errors';
import { openRunLog, type RunLog } from '@local-backup/common/run-log';
import type { RunRecord } from '@local-backup/common/run-record';
import { newRecord, saveRun, sweepRuns } from '@local-backup/common/run-store';
import { abortOnSignals } from '@local-backup/common/signals';
import { VERSION } from '@local-backup/common/version';
import { waitOf, withLockInTurn } from '@local-backup/common/wait-for-lock';
import { resolveAccount } from '../account.ts';
import { findServices } from '../find-services.ts';
import { expiredArchives } from '../keep.ts';
import { renderPlan } from '../plan.ts';
import { ensureSpool, listSpool } from '../publish.ts';
import { type ClientRun, finishedRecord, runClient } from '../run-client.ts';
import { mailEarlyFailure, mailFailure } from './failure.ts';
import { recoverNow, recoverWithoutConfig } from './recover.ts';
import {
  type ClientSession,
  type GlobalOptions,
  instanceLockIn,
  openSession,
  sessionFor,
  taskIoOf,
} from './session.ts';

export interface BackupOptions {
  readonly service?: readonly string[];
  readonly dryRun?: boolean;
  /** How long another run may take to end before this one gives up: a time, such as `2h`. */
  readonly wait?: string;
}

/** Run records that are kept: a year of nightly runs. */
const RECORDS_KEPT = 400;

/**
 * `backup-client backup`: saves all services, or those that are named, and publishes the archive.
 * @throws BackupError when a service failed or nothing was published; the admin has got a mail then
 */
export async function backupCommand(global: GlobalOptions, options: BackupOptions, print: (text: string) => void) {
  const watch = abortOnSignals();
  try {
    const session = await openSession(global).catch(async (error: unknown) => {
      if (codeOf(error) === 'config' && !options.dryRun) await endEarly(global, error, watch.signal);
      throw error;
    });
    watch.signal.addEventListener('abort', () => session.log.warn('Stopping; everything is being put back ...'));
    for (const warning of session.config.warnings) session.log.warn(warning);
    const lock = { path: instanceLockIn(session.config.lockDir), program: 'backup-client' };
    const patience = { waitMs: waitOf(options.wait), signal: watch.signal, log: session.log };
    await withLockInTurn(lock, patience, async (lost) => {
      const signal = AbortSignal.any([watch.signal, lost]);
      if (options.dryRun) print(await planOf(session, options, signal));
      else await runAndReport(session, options, { signal, global });
    });
  } finally {
    watch.dispose();
  }
}

/** Without a configuration there is no backup, but services are put back and the admin is told. */
async function endEarly(global: GlobalOptions, error: unknown, signal: AbortSignal): Promise<void> {
  await mailEarlyFailure(global, error);
  await recoverWithoutConfig(global, signal);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof BackupError ? error.code : undefined;
}

async function planOf(session: ClientSession, { service = [] }: BackupOptions, signal: AbortSignal): Promise<string> {
  const { config, now, plugins } = session;
  const found = await findServices(config, service, [], { ...taskIoOf(session, signal), plugins, now });
  const { baseBackupDir: spool, hostname, keepDays } = config;
  const files = await listSpool(spool);
  const expired = expiredArchives(files, { hostname, keepDays, now: now() });
  const archive = formatArchiveName({ hostname, stamp: stampOf(now()) });
  return renderPlan({ spool, archive, expired, ...found });
}

/** The boundary of a run: whatever ends it is in the record, in the mail and in the exit code. */
async function runAndReport(
  { config, log, plugins }: ClientSession,
  { service = [] }: BackupOptions,
  { signal, global }: { signal: AbortSignal; global: GlobalOptions },
): Promise<void> {
  const directory = join(config.stateDir, 'logs');
  // Log and record are for later: a full disk under them is told, and the backup goes on.
  const runLog = await openRunLog({ directory, program: 'backup-client', now: new Date() }).catch((error: unknown) => {
    log.error(describeError(error));
    return undefined;
  });
  const session = sessionFor(config, global, plugins, runLog);
  const begun = newRecord(
    { program: 'backup-client', command: 'backup', hostname: config.hostname },
    session.now(),
    randomBytes(4),
  );
  const isRecorded = await trySave(session, begun);
  let run: ClientRun | undefined;
  let error: unknown;
  try {
    run = await saveServices(session, service, signal);
  } catch (caught) {
    error = markReported(caught);
    session.log.error(describeError(caught));
  }
  const message = error === undefined ? undefined : describeError(error);
  const record = finishedRecord(begun, { run, message, now: session.now() });
  const isWhole = isRecorded && (await trySave(session, record));
  if (record.status !== 'failed' && isWhole) return void (await runLog?.close(true));
  await reportFailure(session, runLog, { run, error });
}

async function saveServices(
  session: ClientSession,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<ClientRun> {
  const { config, log, run, stream, now, plugins } = session;
  // Before anything that can fail: a service that a killed run has stopped is started again.
  const recovery = await recoverNow(session, signal);
  const owner = await resolveAccount(config.backupUser, config.backupGroup, run);
  await ensureSpool(config.baseBackupDir, owner, log);
  const io = { ...taskIoOf(session, signal), stream, owner, version: VERSION, now, plugins };
  const result = await runClient(config, wanted, recovery, io);
  if (wanted.length > 0 && result.manifest !== undefined) log.warn(partialWarning(wanted));
  return result;
}

function partialWarning(wanted: readonly string[]): string {
  return (
    `This archive holds ${wanted.join(', ')} only, and the server takes the newest archive for the state of this host. ` +
    'Run `backup-client backup` before the next run of the server to publish a whole one.'
  );
}

interface RunEnd {
  readonly run: ClientRun | undefined;
  readonly error: unknown;
}

async function trySave({ config, log }: ClientSession, record: RunRecord): Promise<boolean> {
  const directory = join(config.stateDir, 'runs');
  try {
    await saveRun(directory, record);
    await sweepRuns(directory, RECORDS_KEPT);
    return true;
  } catch (error) {
    log.error(`The record of the run could not be written: ${describeError(error)}`);
    return false;
  }
}

/** @throws always: what ended the run, or what of it failed */
async function reportFailure(
  session: ClientSession,
  runLog: RunLog | undefined,
  { run, error }: RunEnd,
): Promise<never> {
  const where = await runLog?.close(false);
  // Whoever typed a wrong name reads the answer; nobody has to be woken.
  if (codeOf(error) !== 'usage') await mailFailure(session, { run, error, logFile: runLog?.path });
  if (where !== undefined) session.log.info(where);
  if (error !== undefined) throw error;
  const failed = (run?.services ?? [])
    .filter(({ status }) => status === 'failed')
    .map(({ type, name }) => `${type}/${name}`);
  const what = failed.join(', ') || 'something of an earlier run could not be put back, or the record not be written';
  const archive =
    run?.manifest === undefined ? 'No archive was published.' : `Published in spite of that: ${run.manifest.archive}.`;
  throw new BackupError('failed', `Failed: ${what}. ${archive}`);
}
