// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { UpkeepRecord } from '@local-backup/common/run-record';
import type { HostProgress } from '../host-attempt.ts';
import { lockText, plannedText, refusalText } from '../report/maintenance-text.ts';
import { formatTime } from '../report/text.ts';
import type { Upkeep } from '../stores/upkeep.ts';
import { type CheckIo, checkRepository, planCheck, planStructureCheck } from './maintain-check.ts';
import type { Pin } from './pins.ts';
import { type ForgetPlan, type PlanIo, planForget } from './plan-forget.ts';
import type { DataPlan } from './retention.ts';
import type { UpkeepMemory, UpkeepState } from './upkeep-state.ts';

/** What the maintenance of one host works with. */
export interface MaintainIo extends PlanIo {
  readonly hostname: string;
  readonly upkeep: Upkeep;
  readonly memory: UpkeepMemory;
  /** Reads the pins of the host and keeps others from changing them until `work` is done. */
  readonly withPins: <Result>(work: (pins: readonly Pin[]) => Promise<Result>) => Promise<Result>;
  readonly plan: MaintainPlan;
  /** Every pinned snapshot has to be there; a copy with a policy of its own may never have had it. */
  readonly expectsPins: boolean;
}

/** What is to be done with a host. */
export interface MaintainPlan {
  /** The check before anything is forgotten; undefined: switched off. */
  readonly check: { readonly options: readonly string[]; readonly data: (state: UpkeepState) => DataPlan } | undefined;
  readonly prune: boolean;
  readonly size: boolean;
  /** That nothing may be forgotten is a warning, or makes the host fail: somebody has asked for just that. */
  readonly refusal: 'warning' | 'failed';
  /** Look, judge, say so; change and remember nothing. */
  readonly dryRun: boolean;
}

/**
 * Keeps the repository of one host in order. Each step relies on the ones before: nothing is forgotten from a repository
 * that has not passed a check, nothing is freed before that. What was done is remembered step by step, so that after
 * `kill -9` at any moment the next maintenance goes on.
 *
 * @throws whatever made the host fail; all that is known by then is in `progress`
 */
export async function maintainHost(io: MaintainIo, progress: HostProgress): Promise<void> {
  const { trail } = progress;
  const state = await trail.step('state', () => begin(io));
  await trail.step('locks', () => tidyLocks(io, progress));
  const dataRead = await check(io, state, progress);
  const isAllowed = await io.withPins((pins) => forget(io, pins, { dataRead, progress }));
  if (isAllowed) await prune(io, progress);
  if (io.plan.size) await measure(io, state, progress);
  if (isAllowed && !io.plan.dryRun) await io.memory.update({ lastFinished: io.now().toISOString() });
}

/** A host whose maintenance never ends must not keep the others from having their turn: its place is by its beginning. */
async function begin({ memory, plan, now }: MaintainIo): Promise<UpkeepState> {
  const state = await memory.read();
  if (!plan.dryRun) await memory.update({ lastBegun: now().toISOString() });
  return state;
}

/** A lock that a dead process left would make everything that follows fail. */
async function tidyLocks({ hostname, upkeep, plan, now, signal }: MaintainIo, { trail }: HostProgress): Promise<void> {
  if (plan.dryRun) {
    for (const lock of await upkeep.locks(signal)) {
      const dead = `would remove the lock that process ${lock.pid} of this server has left`;
      trail.note('locks', lock.isOursAndDead ? dead : lockText(lock, hostname, now()));
    }
    return;
  }
  const { removed, left } = await upkeep.removeDeadLocks(signal);
  for (const lock of removed) {
    trail.note(
      'locks',
      `removed the lock that process ${lock.pid} of this server had left on ${formatTime(lock.time)}`,
    );
  }
  for (const lock of left) trail.warn('locks', lockText(lock, hostname, now()));
}

/** Which part of the data was read back; undefined: none. */
async function check(io: MaintainIo, state: UpkeepState, { trail }: HostProgress): Promise<string | undefined> {
  const { plan, hostname, upkeep, memory, now, signal } = io;
  if (plan.check === undefined) {
    trail.note('check', 'not done: `restic.maintenance.check` is false');
    return undefined;
  }
  const { dryRun } = plan;
  const planned = planCheck(state.lastCheck, plan.check.data(state), plan.check.options);
  await trail.step('check', () => checkRepository({ hostname, upkeep, memory, dryRun, now, signal }, planned));
  return planned.label === 'none' ? undefined : planned.label;
}

/** @returns whether the host's history may be changed at all: nothing is pruned either where it may not */
async function forget(
  io: MaintainIo,
  pins: readonly Pin[],
  { dataRead, progress }: { readonly dataRead: string | undefined; readonly progress: HostProgress },
): Promise<boolean> {
  const { trail, facts } = progress;
  const plan = await trail.step('policy', () => planForget(io, pins));
  const counts: UpkeepRecord = { snapshots: plan.keep.length + plan.forget.length, forgotten: 0 };
  facts.upkeep = dataRead === undefined ? counts : { ...counts, dataRead };
  for (const { snapshot, reason } of io.expectsPins ? plan.gone : []) {
    const text = `Pinned snapshot ${snapshot.slice(0, 8)} ("${reason}") is not there any more. If that is right: backup-server unpin ${snapshot.slice(0, 8)} --host ${io.hostname}`;
    trail.warn('pins', text);
  }
  if (plan.refused.length > 0) return refuse(io, plan, progress);
  if (io.plan.dryRun) {
    trail.note('forget', plannedText(plan, io.hostname));
    return true;
  }
  if (plan.forget.length === 0) return true;
  await io.memory.update({ pruneDue: true });
  const ids = plan.forget.map(({ id }) => id);
  await trail.step('forget', () => io.upkeep.forget(ids, io.signal));
  facts.upkeep = { ...facts.upkeep, forgotten: ids.length };
  return true;
}

async function refuse({ plan: { refusal } }: MaintainIo, plan: ForgetPlan, { trail }: HostProgress): Promise<false> {
  const text = refusalText(plan);
  if (refusal === 'warning') trail.warn('forget', text);
  else await trail.step('forget', () => Promise.reject(new BackupError('failed', text)));
  return false;
}

/** Only after something was forgotten, in this run or before one that was ended; what it leaves is checked again. */
async function prune(io: MaintainIo, { trail }: HostProgress): Promise<void> {
  const { plan, upkeep, memory, hostname, now, signal } = io;
  if (!plan.prune || plan.dryRun || (await memory.read()).pruneDue !== true) return;
  await trail.step('prune', () => upkeep.prune(signal));
  await memory.update({ pruneDue: false });
  const { check: before, dryRun } = plan;
  if (before === undefined) return;
  const after = { hostname, upkeep, memory, dryRun, now, signal };
  await trail.step('check after prune', () => checkStructure(after, before.options));
}

/** A look at the structure alone does not replace what is known of the data. */
async function checkStructure(io: CheckIo, options: readonly string[]): Promise<void> {
  const { lastCheck } = await io.memory.read();
  await checkRepository(io, planStructureCheck(options));
  if (lastCheck !== undefined) await io.memory.update({ lastCheck });
}

/** The original went on as well where this failed (C73): it is only a number. */
async function measure(io: MaintainIo, before: UpkeepState, { trail, facts }: HostProgress): Promise<void> {
  try {
    const { bytes } = await io.upkeep.size(io.signal);
    const earlier = before.bytes === undefined ? {} : { bytesBefore: before.bytes };
    if (facts.upkeep !== undefined) facts.upkeep = { ...facts.upkeep, bytes, ...earlier };
    if (!io.plan.dryRun) await io.memory.update({ bytes });
  } catch (error) {
    io.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    trail.note('size', `how large the repository is could not be found out: ${error.message}`);
  }
}
