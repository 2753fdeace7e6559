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
import { type ScratchServer, withScratchServer } from './scratch-server.ts';

/** Tables that are counted by one call of the client: a command line holds 128 KiB in one argument. */
const COUNTED_AT_ONCE = 100;

/** Loads the dumps into a throw-away server, and counts. */
export async function verifyByLoading(
  saved: readonly SavedDatabase[],
  context: CopyContext<DatabaseOptions>,
  { client }: Flavour,
): Promise<readonly Check[]> {
  const ours = saved.filter(({ record }) => isMariadb(record.server));
  const checks: Check[] = saved
    .filter(({ record }) => !isMariadb(record.server))
    .map(({ name, record }) =>
      skipped(name, `comes from MySQL ${record.server}; only MariaDB can be started to load it`),
    );
  if (ours.length === 0) return checks;
  const programs = await findPrograms(client);
  if (programs === undefined) {
    return [
      ...checks,
      ...ours.map(({ name }) => skipped(name, 'not loaded: apt install mariadb-server mariadb-client')),
    ];
  }
  try {
    return [...checks, ...(await withScratchServer(context, programs, (server) => loadInto(server, ours)))];
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [...checks, { name: 'throw-away server', status: 'failed', message: error.message }];
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

/** The client, if all that is needed is there. */
async function findPrograms(clients: readonly string[]): Promise<string | undefined> {
  for (const program of ['mariadbd', 'mariadb-install-db'])
    if ((await findProgram(program)) === undefined) return undefined;
  for (const client of clients) if ((await findProgram(client)) !== undefined) return client;
  return undefined;
}

function isMariadb(version: string): boolean {
  return /mariadb/i.test(version);
}

function skipped(name: string, message: string): Check {
  return { name: `${name}, loaded`, status: 'skipped', message };
}
