// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { waitOf, withLockInTurn } from '@local-backup/common/wait-for-lock';
import { maintainHosts, type UpkeepPlan } from '../maintenance/maintain-hosts.ts';
import { createUpkeepMemory } from '../maintenance/upkeep-state.ts';
import { recordRun } from '../record-run.ts';
import { renderMaintenance, renderMaintenanceDryRun } from '../report/render-maintenance.ts';
import { selectHosts } from '../select-hosts.ts';
import { mailBrokenRun } from './broken-config-mail.ts';
import { clockFinding } from './clock.ts';
import { configuredCheck, maintainInTurn } from './maintain-io.ts';
import { beginRecord, type Recording, runRecorded, showRun } from './recorded-command.ts';
import type { Session } from './session.ts';

export interface MaintenanceOptions {
  /** Check, judge, say what would be forgotten; change and send nothing. */
  readonly dryRun?: boolean;
  /** A directory that every mail is saved to as well. */
  readonly saveMail?: string;
  /** How long another run may take to end before this one gives up: a time, such as `2h`. */
  readonly wait?: string;
}

/** A backup of one host has the repository while it stores, which is minutes as a rule. Milliseconds. */
const BUSY_WAIT_MS = 30 * 60_000;

/**
 * `backup-server maintenance [HOST...]`: check, forget and prune every repository, then the record, then the mail.
 * @throws whatever ended the run without a summary; the admin has a mail about it then
 */
export async function maintenance(
  whole: Session,
  names: readonly string[],
  options: MaintenanceOptions,
): Promise<number> {
  const session = forMaintenance(whole);
  try {
    return await lockedRun(session, names, options);
  } catch (error) {
    if (options.dryRun !== true) {
      await mailBrokenRun(session, error, options.saveMail, 'maintenance');
    }
    throw error;
  }
}

/** Mails and log as the section about maintenance says. */
function forMaintenance(session: Session): Session {
  const { adminEmail, emailSubjectPrefix, logLevel } = session.config.restic.maintenance;
  return { ...session, config: { ...session.config, adminEmail, emailSubjectPrefix, logLevel } };
}

/** One maintenance at a time. @param wait as {@link MaintenanceOptions} has it */
export function withMaintenanceLock<Result>(
  { config, signal, log }: Session,
  work: (signal: AbortSignal) => Promise<Result>,
  wait?: string,
): Promise<Result> {
  const lock = { path: join(config.lockDir, 'backup-server-maintenance.lock'), program: 'backup-server-maintenance' };
  const patience = { waitMs: waitOf(wait), signal, log };
  return withLockInTurn(lock, patience, (lost) => work(AbortSignal.any([signal, lost])));
}

function lockedRun(session: Session, names: readonly string[], options: MaintenanceOptions): Promise<number> {
  const { hosts, rejectedHosts: rejected } = selectHosts(session.config, names);
  return withMaintenanceLock(
    session,
    (signal) => {
      const chosen = { hosts, rejected, signal };
      return options.dryRun === true ? dryRun(session, chosen) : wholeRun(session, chosen, options);
    },
    options.wait,
  );
}

type Chosen = Pick<UpkeepPlan, 'hosts' | 'signal'> & Pick<Parameters<typeof recordRun>[0], 'rejected'>;

/** Leaves nothing behind: no record, no mail, no log. */
async function dryRun(session: Session, chosen: Chosen): Promise<number> {
  const recording = { record: beginRecord(session, 'maintenance'), save: async () => undefined };
  const record = await runMaintenance(session, chosen, recording, true);
  showRun(session, record, renderMaintenanceDryRun);
  return record.status === 'failed' ? 1 : 0;
}

function wholeRun(quiet: Session, chosen: Chosen, options: MaintenanceOptions): Promise<number> {
  return runRecorded(quiet, {
    command: 'maintenance',
    saveMail: options.saveMail,
    render: renderMaintenance,
    work: (session, recording) => runMaintenance(session, chosen, recording, false),
  });
}

async function runMaintenance(session: Session, chosen: Chosen, recording: Recording, dryRun: boolean) {
  const { config, log, now } = session;
  const { maintenance: settings } = config.restic;
  const { problem: clock, steps } = await clockFinding(session, { dryRun });
  const { prune, showStats: size } = settings;
  const plan = { check: configuredCheck(session), prune, size, refusal: 'warning', dryRun } as const;
  const record = { ...recording.record, steps: [...recording.record.steps, ...steps] };
  return recordRun({ ...recording, ...chosen, record, log, now }, (onRecord) =>
    maintainHosts({
      ...chosen,
      lastBegun: async ({ hostname }) => lastBegunOf(config.stateDir, hostname),
      maxDurationMs: settings.maxDurationMs,
      busyWaitMs: dryRun ? 0 : BUSY_WAIT_MS,
      busy: 'skipped',
      maintain: maintainInTurn(session, { plan, clock, copies: true }),
      log,
      now,
      elapsed: () => performance.now(),
      onRecord,
    }),
  );
}

/** A damaged memory makes its host fail when its turn comes, which is at once. */
async function lastBegunOf(stateDir: string, hostname: string): Promise<string | undefined> {
  const state = await createUpkeepMemory(stateDir, hostname)
    .read()
    .catch(() => undefined);
  return state?.lastBegun;
}
