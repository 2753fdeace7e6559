// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import type { Host } from '../../packages/server/src/config/host.ts';
import type { FreezeFacts } from '../../packages/server/src/maintenance/freeze-reasons.ts';
import { maintainCopies } from '../../packages/server/src/maintenance/maintain-copies.ts';
import {
  type MaintainIo,
  type MaintainPlan,
  maintainHost,
} from '../../packages/server/src/maintenance/maintain-host.ts';
import { maintainHosts, type UpkeepPlan } from '../../packages/server/src/maintenance/maintain-hosts.ts';
import type { Pin } from '../../packages/server/src/maintenance/pins.ts';
import { dataShareOf } from '../../packages/server/src/maintenance/retention.ts';
import type { UpkeepState } from '../../packages/server/src/maintenance/upkeep-state.ts';
import { recordRun } from '../../packages/server/src/record-run.ts';
import type { Judged } from '../../packages/server/src/stores/upkeep.ts';
import { createMemoryUpkeep, type Shelf, shelved } from './memory-upkeep.ts';
import { silentLog } from './silent-log.ts';

/* The maintenance of a server over repositories in memory. */

export const NOW = new Date('2026-11-21T05:00:00.000Z');

/** One host, its repository, and what the server knows of it. */
export interface Keep {
  readonly shelf: Shelf;
  readonly upkeep: MaintainIo['upkeep'];
  /** What is on disk between two runs. */
  state: UpkeepState;
  pins: readonly Pin[];
  unproven: readonly string[];
  facts: Partial<FreezeFacts>;
  plan: Partial<MaintainPlan>;
  /** The process that has the repository for this many attempts. */
  busy: number;
  /** Its further repositories, by their names. */
  readonly copies: Readonly<Record<string, Keep>>;
  readonly expectsPins: boolean;
  /** Called before each verb of the upkeep. */
  before: (verb: string) => void | Promise<void>;
}

/** Five snapshots, of the last five days; the policy lets the oldest two go. */
export function fiveDays(): Judged[] {
  return [5, 4, 3, 2, 1].map((ago) => {
    const time = new Date(NOW.getTime() - ago * 86_400_000 + 23 * 3_600_000).toISOString();
    return shelved(`a${ago}`, time, ago > 3 ? { reasons: [] } : {});
  });
}

const good = { host: 'any', snapshot: 'x', status: 'success', services: [] as HostRecord['services'] } as HostRecord;

export function keep(changed: Partial<Keep> & { readonly contents?: Partial<Shelf> } = {}): Keep {
  const { contents, ...rest } = changed;
  const { shelf, upkeep } = createMemoryUpkeep({ snapshots: fiveDays(), ...contents });
  const usual = {
    pins: [],
    unproven: [],
    facts: {},
    plan: {},
    busy: 0,
    copies: {},
    expectsPins: true,
    before: () => undefined,
  };
  return { shelf, upkeep, state: { format: 1 }, ...usual, ...rest };
}

function ioOf(host: string, k: Keep, signal: AbortSignal): MaintainIo {
  const runs = [
    {
      program: 'backup-server',
      command: 'backup',
      started: NOW.toISOString(),
      hosts: [{ ...good, host }],
    } as RunRecord,
  ];
  const facts = { hostname: host, suspicion: undefined, clock: undefined, runs, maxAgeMs: 36 * 3_600_000 };
  return {
    expectsPins: k.expectsPins,
    hostname: host,
    upkeep: {
      judge: (...words) => afterHook(k, 'judge', () => k.upkeep.judge(...words)),
      forget: (...words) => afterHook(k, 'forget', () => k.upkeep.forget(...words)),
      prune: (...words) => afterHook(k, 'prune', () => k.upkeep.prune(...words)),
      check: (...words) => afterHook(k, 'check', () => k.upkeep.check(...words)),
      size: (...words) => afterHook(k, 'size', () => k.upkeep.size(...words)),
      locks: (...words) => afterHook(k, 'locks', () => k.upkeep.locks(...words)),
      removeDeadLocks: (...words) => afterHook(k, 'removeDeadLocks', () => k.upkeep.removeDeadLocks(...words)),
    },
    policy: ['--keep-daily', '3'],
    keepAtLeast: 3,
    maxForgetShare: 0.9,
    unproven: async () => k.unproven,
    circumstances: async () => ({ ...facts, lastCheck: k.state.lastCheck, ...k.facts }),
    memory: {
      read: async () => k.state,
      update: async (change) => {
        k.state = { ...k.state, ...change };
      },
    },
    withPins: (work) => work(k.pins),
    plan: {
      check: {
        options: [],
        data: ({ partsRead: done = 0 }) => dataShareOf({ mode: undefined, rounds: 12, done }),
      },
      ...{ prune: true, size: false, refusal: 'warning', dryRun: false },
      ...k.plan,
    },
    now: () => NOW,
    signal,
  };
}

async function afterHook<Result>(k: Keep, verb: string, work: () => Promise<Result>): Promise<Result> {
  await k.before(verb);
  return work();
}

/** Maintains these hosts. `order` has the hosts as they were begun, again for each attempt. */
export async function maintain(keeps: Readonly<Record<string, Keep>>, changed: Partial<UpkeepPlan> = {}) {
  const order: string[] = [];
  const waits: number[] = [];
  const signal = changed.signal ?? new AbortController().signal;
  const head = { format: 1, id: '20261121_050000-00000000', program: 'backup-server', command: 'maintenance' } as const;
  const record: RunRecord = {
    ...head,
    ...{ version: '0', hostname: 'backup1', started: NOW.toISOString(), status: 'running', steps: [], hosts: [] },
  };
  const run = { record, save: async () => undefined, rejected: [], log: silentLog, now: () => NOW, signal };
  const done = await recordRun(run, (onRecord) =>
    maintainHosts({
      hosts: Object.keys(keeps).map((hostname) => ({ hostname }) as Host),
      lastBegun: async ({ hostname }) => keeps[hostname]?.state.lastBegun,
      maxDurationMs: 3_600_000,
      busyWaitMs: 60_000,
      busy: 'skipped',
      maintain: async ({ hostname }, progress, { waitMs, signal: inner }) => {
        order.push(hostname);
        waits.push(waitMs);
        const k = keeps[hostname] ?? keep();
        k.busy -= 1;
        if (k.busy >= 0) return { busy: 'PID 7' };
        await maintainHost(ioOf(hostname, k, inner), progress);
        const copies = Object.entries(k.copies).map(([name, copy]) => ({ name, io: ioOf(hostname, copy, inner) }));
        await maintainCopies(copies, progress);
        return { busy: undefined };
      },
      elapsed: () => 0,
      ...{ log: silentLog, now: () => NOW, signal, onRecord },
      ...changed,
    }),
  );
  const host = (name: string) => done.hosts.find((one) => one.host === name);
  return { record: done, order, waits, host };
}
