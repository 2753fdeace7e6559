// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { Tools } from '@local-backup/common/config/tools';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { findPluginFiles } from '../plugin-files.ts';
import { type HostView, viewHost } from './host-view.ts';
import { lookForCompose } from './looks/compose.ts';
import { lookForPlaces } from './looks/places.ts';
import {
  lookForInflux,
  lookForMongodb,
  lookForMysql,
  lookForPostgres,
  lookForRedis,
  lookForSlapd,
} from './looks/servers.ts';
import { lookForSqlite } from './looks/sqlite.ts';
import { lookForUnits } from './looks/units.ts';
import type { Proposal } from './proposal.ts';
import { proposeCompose } from './propose/compose.ts';
import { proposePlaces, proposeSqlite } from './propose/places.ts';
import { proposeServers, serverNotes } from './propose/servers.ts';
import { proposeUnits, unitNotes } from './propose/units.ts';

/** What there is to save, and what whoever asked has to know beside it. */
export interface HostFindings {
  readonly proposals: readonly Proposal[];
  /** What could not be looked at, and what is not proposed and why. */
  readonly notes: readonly string[];
}

export interface LookIo {
  readonly exec: Run;
  readonly tools: Tools;
  readonly signal: AbortSignal;
  /** `/`, but for tests. */
  readonly root: string;
  readonly pluginDir: string;
}

/** One look takes seconds; what takes longer hangs, in milliseconds. */
const LOOK_TIMEOUT_MS = 45_000;

/** Looks at the host from all sides at once. What cannot be looked at is said, and keeps nothing else from being found. */
export async function lookAround(io: LookIo): Promise<HostFindings> {
  const notes: string[] = [];
  const look = <Facts>(what: string, none: Facts, work: (view: HostView) => Promise<Facts>): Promise<Facts> => {
    return withinTime(work, io).catch((error: unknown) => {
      io.signal.throwIfAborted();
      notes.push(`Not looked at: ${what}: ${reasonOf(error)}`);
      return none;
    });
  };
  const nowhere = { trees: [], isProxmox: false, isUnivention: false, modules: [], runParts: [] };
  const [compose, postgres, mysql, redis, slapd, influx, mongodb, sqlite, units, places, plugins] = await Promise.all([
    look('compose projects', { projects: [], answered: false, notes: [] }, lookForCompose),
    look('PostgreSQL', [], lookForPostgres),
    look('MariaDB and MySQL', undefined, lookForMysql),
    look('Redis and Valkey', [], lookForRedis),
    look('slapd', undefined, lookForSlapd),
    look('InfluxDB', undefined, lookForInflux),
    look('MongoDB', undefined, lookForMongodb),
    look('SQLite databases', [], lookForSqlite),
    look('units of your own', [], lookForUnits),
    look('directories', nowhere, lookForPlaces),
    look('plugins of your own', [], ({ at }) => findPluginFiles(at(io.pluginDir))),
  ]);
  const servers = { postgres, mysql, redis, slapd, influx, mongodb };
  return {
    proposals: [
      ...proposePlaces(places),
      ...proposeCompose(compose),
      ...proposeServers(servers),
      ...proposeSqlite(sqlite),
      ...proposeUnits(units),
    ],
    notes: [
      ...notes,
      ...compose.notes,
      ...serverNotes(servers),
      ...unitNotes(units),
      ...pluginNote(plugins.map(({ path }) => path)),
    ],
  };
}

function withinTime<Facts>(work: (view: HostView) => Promise<Facts>, io: LookIo): Promise<Facts> {
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
  const aborted = new Promise<never>((_, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
  });
  return Promise.race([work(viewHost(io.root, { ...io, signal })), aborted]);
}

function reasonOf(error: unknown): string {
  if (error instanceof BackupError) return showControls(error.message);
  const { name, message } = error as Error;
  return name === 'TimeoutError' ? `no answer within ${LOOK_TIMEOUT_MS / 1000} s` : showControls(message);
}

function pluginNote(paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const names = paths.map(showControls).join(', ');
  return [`Plugins of your own: ${names}. What they save is not proposed: write their tasks into a service.yaml.`];
}
