// SPDX-License-Identifier: AGPL-3.0-or-later

import { readSuspicion } from '../anomaly/suspicion-file.ts';
import type { CopyConfig } from '../config/copies-schema.ts';
import type { Host } from '../config/host.ts';
import type { HostProgress } from '../host-attempt.ts';
import { type CopyUpkeep, maintainCopies } from '../maintenance/maintain-copies.ts';
import { type MaintainIo, type MaintainPlan, maintainHost } from '../maintenance/maintain-host.ts';
import type { UpkeepPlan } from '../maintenance/maintain-hosts.ts';
import { type Pin, readPins } from '../maintenance/pins.ts';
import type { PlanIo } from '../maintenance/plan-forget.ts';
import { dataShareOf } from '../maintenance/retention.ts';
import { createUpkeepMemory } from '../maintenance/upkeep-state.ts';
import { markerOf } from './adapters.ts';
import { repositoriesOf } from './host-repositories.ts';
import { withPinsHeld } from './pin-lock.ts';
import { recordsOf } from './records.ts';
import { upkeepOf } from './repositories.ts';
import { withRepository } from './repository-lock.ts';
import type { Session } from './session.ts';

/** What differs from one command to the next. */
export interface UpkeepOrder {
  /** The further repositories are maintained as well. */
  readonly copies: boolean;
  readonly plan: MaintainPlan;
  /** Why nothing may be forgotten by the server's clock, see `clockProblem`. */
  readonly clock: string | undefined;
  /** Instead of the configured share. */
  readonly maxForgetShare?: number;
}

/** What the retention of one host is planned with. */
export function planIoOf(
  host: Host,
  session: Session,
  { clock, maxForgetShare }: Pick<UpkeepOrder, 'clock' | 'maxForgetShare'>,
  signal: AbortSignal,
): PlanIo {
  const { config, now } = session;
  const { hostname, maxAgeMs } = host;
  const { maintenance } = config.restic;
  const memory = createUpkeepMemory(config.stateDir, hostname);
  return {
    upkeep: upkeepOf(host, session),
    policy: host.forgetPolicy ?? maintenance.forgetPolicy,
    keepAtLeast: maintenance.keepAtLeast,
    maxForgetShare: maxForgetShare ?? maintenance.maxForgetShare,
    unproven: () => markerOf(host, session).read(),
    circumstances: async () => ({
      hostname,
      maxAgeMs,
      clock,
      lastCheck: (await memory.read()).lastCheck,
      suspicion: await readSuspicion(config.stateDir, hostname),
      runs: await recordsOf(session),
    }),
    now,
    signal,
  };
}

/** Everything that the maintenance of one host works with. */
function maintainIoOf(host: Host, session: Session, order: UpkeepOrder, signal: AbortSignal): MaintainIo {
  const { config } = session;
  return {
    ...planIoOf(host, session, order, signal),
    hostname: host.hostname,
    upkeep: upkeepOf(host, session),
    memory: createUpkeepMemory(config.stateDir, host.hostname),
    expectsPins: true,
    withPins: <Result>(work: (pins: readonly Pin[]) => Promise<Result>) =>
      withPinsHeld(host, session, signal, async () => work(await readPins(config.stateDir, host.hostname))),
    plan: order.plan,
  };
}

/** The same for the further repositories of the host: each has its own memory and policy. */
function copiesToMaintain(
  host: Host,
  session: Session,
  order: UpkeepOrder,
  signal: AbortSignal,
): readonly CopyUpkeep[] {
  const first = maintainIoOf(host, session, order, signal);
  return repositoriesOf(host, session.config).flatMap(({ copy, forgetPolicy }) => {
    if (copy?.maintenance !== true) return [];
    const memory = createUpkeepMemory(session.config.stateDir, `${host.hostname}@${copy.name}`);
    const circumstances = async () => {
      const known = await first.circumstances();
      return { ...known, lastCheck: (await memory.read()).lastCheck };
    };
    const upkeep = upkeepOf(host, session, copy.name);
    const expectsPins = copy.forgetPolicy === undefined;
    const plan = { ...order.plan, check: checkOfCopy(order.plan, copy) };
    return [
      { name: copy.name, io: { ...first, upkeep, memory, circumstances, policy: forgetPolicy, expectsPins, plan } },
    ];
  });
}

/** Whether all is there and fits together is always looked at; data is read back over a line only where it is asked for. */
function checkOfCopy({ check }: MaintainPlan, { readData }: CopyConfig): MaintainPlan['check'] {
  if (check === undefined || readData) return check;
  return { options: [], data: ({ partsRead: next = 0 }) => ({ share: { kind: 'none' }, next }) };
}

/** The check as it is configured: this run's share of the data, or what `check_options` say. */
export function configuredCheck({ config }: Session): MaintainPlan['check'] {
  const { check, checkOptions, checkReadData, readDataWithinRuns } = config.restic.maintenance;
  if (!check) return undefined;
  return {
    options: checkOptions,
    data: ({ partsRead: done = 0 }) =>
      dataShareOf({ mode: checkReadData, rounds: readDataWithinRuns, done, checkOptions }),
  };
}

/** Maintains one host while nobody else writes into its repository. */
export function maintainInTurn(session: Session, order: UpkeepOrder): UpkeepPlan['maintain'] {
  return async (host, progress, patience) => {
    const turn = await withRepository(host, session, patience, (signal) =>
      maintainAll(host, session, { order, signal, progress }),
    );
    return { busy: turn.busy ? turn.who : undefined };
  };
}

interface Doing {
  readonly order: UpkeepOrder;
  readonly signal: AbortSignal;
  readonly progress: HostProgress;
}

async function maintainAll(host: Host, session: Session, { order, signal, progress }: Doing): Promise<void> {
  await maintainHost(maintainIoOf(host, session, order, signal), progress);
  if (order.copies) await maintainCopies(copiesToMaintain(host, session, order, signal), progress);
}
