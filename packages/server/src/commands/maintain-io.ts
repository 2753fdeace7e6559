// SPDX-License-Identifier: AGPL-3.0-or-later

import { readSuspicion } from '../anomaly/suspicion-file.ts';
import type { Host } from '../config/host.ts';
import { type MaintainIo, type MaintainPlan, maintainHost } from '../maintenance/maintain-host.ts';
import type { UpkeepPlan } from '../maintenance/maintain-hosts.ts';
import { type Pin, readPins } from '../maintenance/pins.ts';
import type { PlanIo } from '../maintenance/plan-forget.ts';
import { dataShareOf } from '../maintenance/retention.ts';
import { createUpkeepMemory } from '../maintenance/upkeep-state.ts';
import { markerOf } from './adapters.ts';
import { withPinsHeld } from './pin-lock.ts';
import { recordsOf } from './records.ts';
import { upkeepOf } from './repositories.ts';
import { withRepository } from './repository-lock.ts';
import type { Session } from './session.ts';

/** What differs from one command to the next. */
export interface UpkeepOrder {
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
  { clock, maxForgetShare }: Omit<UpkeepOrder, 'plan'>,
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
    withPins: <Result>(work: (pins: readonly Pin[]) => Promise<Result>) =>
      withPinsHeld(host, session, signal, async () => work(await readPins(config.stateDir, host.hostname))),
    plan: order.plan,
  };
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
      maintainHost(maintainIoOf(host, session, order, signal), progress),
    );
    return { busy: turn.busy ? turn.who : undefined };
  };
}
