// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { waitOf, withLockInTurn } from '@local-backup/common/wait-for-lock';
import type { RejectedHost } from '../config/config.ts';
import type { DrillLevel } from '../config/drill-levels.ts';
import type { Host } from '../config/host.ts';
import { type DrillDirectory, openDrillDirectory } from '../drill/drill-directory.ts';
import { type DrillPlan, drillHosts } from '../drill/drill-hosts.ts';
import type { CagedProgram } from '../drill/services/cage.ts';
import { recordRun } from '../record-run.ts';
import { lastDrills } from '../report/drills.ts';
import { renderDrill } from '../report/render-drill.ts';
import { type Inventory, selectHosts } from '../select-hosts.ts';
import { markerOf } from './adapters.ts';
import { mailBrokenRun } from './broken-config-mail.ts';
import { runRecorded } from './recorded-command.ts';
import { recordsOf } from './records.ts';
import { historyOf, storeOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface DrillOptions {
  /** A directory that every mail is saved to as well. */
  readonly saveMail?: string;
  /** How long another run may take to end before this one gives up: a time, such as `2h`. */
  readonly wait?: string;
  /** Instead of `drill.level`. */
  readonly level?: DrillLevel;
}

/** Contents are looked at for so long at most, per host; services for at least so long. */
const CONTENT_MS = 15 * 60_000;

/**
 * `backup-server drill [HOST...]`: restores a snapshot of each host and compares it with what was saved.
 * @throws whatever ended the run without a summary; the admin has a mail about it then
 */
export async function drill(session: Session, names: readonly string[], options: DrillOptions): Promise<number> {
  try {
    return await lockedDrill(session, names, options);
  } catch (error) {
    await mailBrokenRun(session, error, options.saveMail, 'drill');
    throw error;
  }
}

async function lockedDrill(
  session: Session,
  names: readonly string[],
  { saveMail, level, wait }: DrillOptions,
): Promise<number> {
  const inventory = selectHosts(session.config, names);
  const lock = { path: join(session.config.lockDir, 'backup-server-drill.lock'), program: 'backup-server' };
  return withLockInTurn(lock, { ...session, waitMs: waitOf(wait) }, async (lost) => {
    const signal = AbortSignal.any([session.signal, lost]);
    return runRecorded(session, {
      command: 'drill',
      saveMail,
      render: renderDrill,
      work: async (logging, recording) => {
        const plan = await planOf({ ...logging, signal }, inventory, level ?? session.config.drill.level);
        const { log, now } = logging;
        const run = { ...recording, rejected: inventory.rejectedHosts, log, now, signal };
        return recordRun(run, (onRecord) => drillHosts({ ...plan, onRecord }));
      },
    });
  });
}

async function planOf(
  session: Session,
  { hosts }: Inventory<Host, RejectedHost>,
  level: DrillLevel,
): Promise<Omit<DrillPlan, 'onRecord'>> {
  const { config, log, now, run, signal } = session;
  const { drill: settings, hostTimeLimitMs } = config;
  const program = level === 'services' ? await ownProgram() : undefined;
  const end = performance.now() + settings.maxDurationMs;
  return {
    hosts,
    last: lastDrills(await recordsOf(session)),
    maxAgeMs: settings.maxAgeMs,
    maxDurationMs: settings.maxDurationMs,
    hostTimeLimitMs,
    openDirectory: once(() => openSwept(session)),
    open: (host, attempt) => ({
      host,
      store: storeOf(host, { ...session, ...attempt }),
      history: historyOf(host, { ...session, ...attempt }),
      marker: markerOf(host, session),
      freeBytes,
      maxBytes: settings.maxBytes,
      olderShare: settings.olderShare,
      chance: Math.random,
      contentMs: CONTENT_MS,
      services: program && { program, timeMs: servicesMs(end - performance.now()) },
      run,
      signal: attempt.signal,
    }),
    log,
    now,
    signal,
  };
}

/** Half of what is left for all hosts: one that takes long leaves time for the others. */
function servicesMs(leftMs: number): number {
  return Math.max(CONTENT_MS, leftMs / 2);
}

/** This program itself, one file that needs nothing beside it, is what looks at services in a cage. */
async function ownProgram(): Promise<CagedProgram> {
  return { node: await realpath(process.execPath), script: await realpath(process.argv[1] ?? '') };
}

/** The directory of the configuration's own choice has to be there: it may be on a disk that is not mounted. */
async function openSwept({ config, run, log }: Session): Promise<DrillDirectory> {
  const { directory } = config.drill;
  const create = directory === join(config.localTempBaseDir, 'drill');
  const opened = await openDrillDirectory(directory, { create, run, log });
  await opened.sweep();
  return opened;
}

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
