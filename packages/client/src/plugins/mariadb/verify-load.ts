// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { rowsOf, tableDifference } from './check-dump.ts';
import type { Flavour } from './flavour.ts';
import { loadAll } from './load-all.ts';
import { fromHex, quoteName, quoteText } from './names.ts';
import type { DatabaseOptions } from './options.ts';
import { openCopied, type SavedDatabase } from './record.ts';
import { type ScratchPrograms, type ScratchServer, withScratchServer } from './scratch-server.ts';

/** Tables that are counted by one call of the client: a command line holds 128 KiB in one argument. */
const COUNTED_AT_ONCE = 100;

const VERSION_TIMEOUT_MS = 60_000;

/** Loads the dumps into a throw-away server of the kind that they come from, and counts. */
export async function verifyByLoading(
  saved: readonly SavedDatabase[],
  context: CopyContext<DatabaseOptions>,
  { client }: Flavour,
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const kind of ['mariadb', 'mysql'] as const) {
    const some = saved.filter(({ record }) => kindOf(record.server) === kind);
    if (some.length > 0) checks.push(...(await verifyKind(some, { kind, client }, context)));
  }
  return checks;
}

interface Wanted {
  readonly kind: ScratchPrograms['kind'];
  /** Names of the client, the best first. */
  readonly client: readonly string[];
}

async function verifyKind(
  saved: readonly SavedDatabase[],
  wanted: Wanted,
  context: CopyContext<DatabaseOptions>,
): Promise<readonly Check[]> {
  const programs = await findPrograms(wanted, context);
  if (typeof programs === 'string')
    return saved.map(({ name, record }) => skipped(name, `${programs} (${record.server})`));
  try {
    return await withScratchServer(context, programs, (server) => loadInto(server, saved));
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name: 'throw-away server', status: 'failed', message: error.message }];
  }
}

async function loadInto(server: ScratchServer, saved: readonly SavedDatabase[]): Promise<readonly Check[]> {
  const [[version = ''] = []] = await server.query('SELECT VERSION()');
  const created = await loadAll(saved, ({ record }) => server.createDatabase(record));
  const ready = saved.filter((database) => !created.some(({ dump }) => dump === database));
  const loaded = await loadAll(ready, async ({ dump, record }) => {
    const handle = await openCopied(dump);
    try {
      await server.load(handle.fd, record.database);
    } finally {
      await handle.close();
    }
  });
  const failures = [...created, ...loaded];
  const checks = failures.map(({ dump: { name, record }, error }): Check => {
    const message = `cannot be loaded by ${version} (it comes from ${record.server}): ${error.message}`;
    return { name: `${name}, loaded`, status: 'failed', message };
  });
  for (const database of saved) {
    if (failures.some(({ dump }) => dump === database)) continue;
    checks.push(await compare(server, database));
  }
  return checks;
}

async function compare(server: ScratchServer, { record, name }: SavedDatabase): Promise<Check> {
  const tables = await baseTables(server, record.database);
  const counts = new Map<string, number>();
  for (let at = 0; at < tables.length; at += COUNTED_AT_ONCE) {
    const some = tables.slice(at, at + COUNTED_AT_ONCE);
    const rows = await server.query(
      some
        .map(({ name: table, all }) => `SELECT COUNT(*) FROM ${quoteName(record.database)}.${quoteName(table)}${all}`)
        .join('; '),
    );
    for (const [index, table] of some.entries()) counts.set(table.name, Number(rows[index]?.[0]));
  }
  const difference = tableDifference(record.tables, counts);
  if (difference !== undefined) return { name: `${name}, loaded`, status: 'failed', message: difference };
  const message = `${record.tables.length} tables with ${rowsOf(record)} rows, as they were saved`;
  return { name: `${name}, loaded`, status: 'ok', message };
}

interface BaseTable {
  readonly name: string;
  /** Makes a SELECT see the history of a system-versioned table too; a dump may hold it. */
  readonly all: string;
}

async function baseTables(server: ScratchServer, database: string): Promise<readonly BaseTable[]> {
  const rows = await server.query(
    `SELECT HEX(TABLE_NAME), TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quoteText(database)} ` +
      "AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME",
  );
  return rows.map(([hex = '', type]) => ({
    name: fromHex(hex),
    all: type === 'SYSTEM VERSIONED' ? ' FOR SYSTEM_TIME ALL' : '',
  }));
}

/** Programs of the server that the dumps come from, where this machine has them; else what is lacking. */
async function findPrograms(
  { kind, client }: Wanted,
  { exec, signal }: CopyContext<DatabaseOptions>,
): Promise<ScratchPrograms | string> {
  const lacking = LACKING[kind];
  for (const program of SERVER_PROGRAMS[kind]) if ((await findProgram(program)) === undefined) return lacking;
  if (kind === 'mysql') {
    // MariaDB's server has this name too, and cannot load all that MySQL dumps.
    const options = { cwd: '/', timeoutMs: VERSION_TIMEOUT_MS, signal };
    const { stdout } = await exec('mysqld', ['--no-defaults', '--version'], options);
    if (kindOf(stdout) !== 'mysql') return lacking;
  }
  for (const program of client) if ((await findProgram(program)) !== undefined) return { kind, client: program };
  return lacking;
}

const SERVER_PROGRAMS = { mariadb: ['mariadbd', 'mariadb-install-db'], mysql: ['mysqld'] } as const;

const LACKING = {
  mariadb: 'not loaded: apt install mariadb-server mariadb-client',
  mysql: 'not loaded: it comes from MySQL, whose server (mysqld) this machine does not have',
} as const;

function kindOf(version: string): ScratchPrograms['kind'] {
  return /mariadb/i.test(version) ? 'mariadb' : 'mysql';
}

function skipped(name: string, message: string): Check {
  return { name: `${name}, loaded`, status: 'skipped', message };
}
