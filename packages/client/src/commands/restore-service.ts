// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { RunRecord } from '@local-backup/common/run-record';
import { newRecord, saveRun } from '@local-backup/common/run-store';
import { renderProof, renderRestored, renderRestorePlan } from '../render-restore.ts';
import { chooseRestoredService } from '../restore/choose-service.ts';
import type { FoundCopy } from '../restore/find-copy.ts';
import { newKeptDirectory } from '../restore/kept.ts';
import { orderStages } from '../restore/order.ts';
import { planRestore } from '../restore/plan-restore.ts';
import type { RestoreTaskIo } from '../restore/restore-work.ts';
import { type FinishedRestore, runRestore } from '../restore/run-restore.ts';
import { removeEmptyKept } from '../restore/undo-restore.ts';
import { readUserSteps, type UserSteps } from '../restore/user-steps.ts';
import { type CopyIo, type ServiceCopy, withScratch } from '../verify-copy.ts';
import { confirmOnTerminal } from './confirm.ts';
import type { RestoreOptions } from './restore.ts';
import { type ClientSession, taskIoOf } from './session.ts';

export interface RestoreCall {
  readonly session: ClientSession;
  readonly copy: ServiceCopy;
  readonly source: FoundCopy;
  /** The file in the spool that the server has sent for this. */
  readonly sent: string | undefined;
  readonly options: RestoreOptions;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

/** The longest directory in which scratch directories still have names that a socket fits into. */
const LONGEST_SCRATCH_PARENT = 40;

/** Plan, confirmation, restore, report. Called with the instance lock held. */
export async function restoreService(call: RestoreCall): Promise<void> {
  const { session, signal } = call;
  const { config, plugins } = session;
  const inState = join(config.stateDir, 'scratch');
  const scratchDirectory = inState.length > LONGEST_SCRATCH_PARENT ? tmpdir() : inState;
  // Left by a restore that was killed; nobody else uses it while the lock is held.
  await rm(inState, { recursive: true, force: true });
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  await withScratch({ scratchDirectory }, async (scratch) => {
    const io = { ...taskIoOf(session, signal), plugins, scratch, scratchDirectory };
    await planAndRestore(call, io);
  });
}

async function planAndRestore(call: RestoreCall, io: RestoreTaskIo & CopyIo): Promise<void> {
  const { session, copy, source, options, signal, print } = call;
  const { config, plugins, now } = session;
  const { type, name } = source.kind === 'file' ? source.chosen.service : source.found;
  const preferSaved = options.savedConfig ?? false;
  const { service, notes } = await chooseRestoredService({
    ...{ type, name, copy, plugins, preferSaved, serviceDir: config.serviceDir },
  });
  const kept = newKeptDirectory(config.stateDir, { type, name }, now());
  const plan = await planRestore({ service, copy, kept, as: options.as, only: options.only }, io);
  try {
    const user = await stepsFor(service.configDirectory, options);
    const { tasks, checks } = plan;
    const stages = orderStages(
      user.steps,
      tasks.some(({ late }) => late),
    );
    const shown = { service: `${type}/${name}`, as: options.as, source: source.described, tasks, checks, stages, kept };
    print(renderRestorePlan({ ...shown, notes: [...notes, ...savedNotes(copy), ...user.notes] }));
    if (options.dryRun) return;
    if (!options.yes && !(await confirmOnTerminal.ask('Do this?', signal))) {
      throw new BackupError('usage', 'Nothing was changed.');
    }
    const {
      warnings,
      kept: replaced,
      proofs,
    } = await recorded(session, shown.service, () => {
      return runRestore(plan.work, user.steps, { ...io, taskTimeoutMs: config.taskTimeoutMs });
    });
    const byHand = tasks.filter(({ steps }) => steps === undefined).map(({ task }) => task);
    const end = { service: shown.service, warnings, proofs, replaced, kept, byHand, sent: call.sent };
    print(renderRestored(end));
  } finally {
    await removeEmptyKept(plan.work);
  }
}

/** What went wrong when it was saved: a part of it may be missing. */
function savedNotes({ manifest }: ServiceCopy): readonly string[] {
  if (manifest === undefined || manifest.status === 'success') return [];
  const messages = [...manifest.messages, ...manifest.tasks.flatMap((task) => task.messages)].slice(0, 10);
  return [`When it was saved: ${manifest.status}`, ...messages.map((message) => `  ${showControls(message)}`)];
}

/** With `--only` the steps are left out: they are made for the whole service. */
async function stepsFor(
  configDirectory: string,
  { only }: RestoreOptions,
): Promise<UserSteps & { readonly notes: readonly string[] }> {
  const found = await readUserSteps(configDirectory);
  const ignored = found.ignored.length === 0 ? [] : [`Not run, for they are no steps: ${found.ignored.join(', ')}`];
  if (only === undefined || found.steps.length === 0) return { ...found, notes: ignored };
  return { steps: [], ignored: [], notes: ['The steps of restore.d are left out with --only.'] };
}

/** Leaves a run record, as a backup does. That it cannot be written stops no restore. */
async function recorded(
  session: ClientSession,
  service: string,
  work: () => Promise<FinishedRestore>,
): Promise<FinishedRestore> {
  const { config, now } = session;
  const run = { program: 'backup-client', command: 'restore', hostname: config.hostname } as const;
  const begun = newRecord(run, now(), randomBytes(4));
  await trySave(session, begun);
  const end = (status: 'success' | 'warning' | 'failed', lines: readonly string[]): RunRecord => {
    const seconds = Math.max(0, (now().getTime() - Date.parse(begun.started)) / 1000);
    const step = { name: `restore ${service}`, status, started: begun.started, seconds, message: lines.join('\n') };
    return { ...begun, ended: now().toISOString(), status, steps: [step] };
  };
  try {
    const done = await work();
    const { warnings, proofs } = done;
    await trySave(
      session,
      end(warnings.length === 0 ? 'success' : 'warning', [...warnings, ...proofs.map(renderProof)]),
    );
    return done;
  } catch (error) {
    await trySave(session, end('failed', [describeError(error)]));
    throw error;
  }
}

async function trySave({ config, log }: ClientSession, record: RunRecord): Promise<void> {
  await saveRun(join(config.stateDir, 'runs'), record).catch((error: unknown) => {
    log.warn(`The record of the restore could not be written: ${describeError(error)}`);
  });
}
