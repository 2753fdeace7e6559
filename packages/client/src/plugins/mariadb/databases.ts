// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { fromHex, quoteName, quoteText, SYSTEM_DATABASES } from './names.ts';
import { type DatabaseOptions, namedDatabases } from './options.ts';
import type { Server } from './server.ts';

/** A database as the server knows it. */
export interface Database {
  readonly name: string;
  readonly characterSet: string;
  readonly collation: string;
}

/** Version of the server, as it says: `10.11.6-MariaDB-0+deb12u1`. */
export async function serverVersion(server: Server): Promise<string> {
  const [[version = ''] = []] = await server.query('SELECT VERSION()');
  return version;
}

/** Every database of the server but its own. */
export async function allDatabases(server: Server): Promise<readonly Database[]> {
  const own = SYSTEM_DATABASES.map((name) => `'${name}'`).join(', ');
  const rows = await server.query(
    'SELECT HEX(SCHEMA_NAME), DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA ' +
      `WHERE LOWER(SCHEMA_NAME) NOT IN (${own}) ORDER BY SCHEMA_NAME`,
  );
  return rows.map(([hex = '', characterSet = '', collation = '']) => ({ name: fromHex(hex), characterSet, collation }));
}

/**
 * The databases of a task.
 * @throws BackupError `config` that names those that are not there
 */
export async function chosenDatabases(server: Server, options: DatabaseOptions): Promise<readonly Database[]> {
  const there = await allDatabases(server);
  const named = namedDatabases(options);
  if (named === undefined) return there;
  const missing = named.filter((name) => !there.some((database) => database.name === name));
  if (missing.length > 0) {
    const list = there.map(({ name }) => name).join(', ') || 'none';
    throw new BackupError(
      'config',
      `No such database, or no right to see it: ${missing.join(', ')}. This account of the server sees: ${list}.`,
    );
  }
  return there.filter(({ name }) => named.includes(name));
}

/** Tables without transactions: what a dump in one transaction reads of them may change while it does. */
export async function looseTables(server: Server, database: string): Promise<readonly string[]> {
  const rows = await server.query(
    'SELECT HEX(t.TABLE_NAME) FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = ' +
      `t.ENGINE WHERE t.TABLE_SCHEMA = ${quoteText(database)} AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW', 'SEQUENCE') ` +
      "AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' ORDER BY t.TABLE_NAME",
  );
  return rows.map(([hex = '']) => fromHex(hex));
}

/** Tables of a database that somebody uses or has locked, for the message of a dump that took too long. */
export async function tablesInUse(server: Server, database: string): Promise<readonly string[]> {
  const rows = await server.query(`SHOW OPEN TABLES WHERE \`Database\` = ${quoteText(database)} AND In_use > 0`);
  return rows.map(([, table = '']) => table);
}

/** Views that cannot be used because what they look into is gone: one of them is enough for a dump to fail. */
export async function brokenViews(server: Server, database: string): Promise<readonly string[]> {
  const rows = await server.query(
    `SELECT HEX(TABLE_NAME) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ${quoteText(database)} ORDER BY TABLE_NAME`,
  );
  const broken: string[] = [];
  for (const name of rows.map(([hex = '']) => fromHex(hex))) {
    try {
      await server.query(`SHOW FIELDS FROM ${quoteName(database)}.${quoteName(name)}`);
    } catch (error) {
      if (!isAboutView(error)) throw error;
      broken.push(name);
    }
  }
  return broken;
}

/** ER_VIEW_INVALID. */
export function isAboutView(error: unknown): boolean {
  return error instanceof BackupError && /\b1356\b/.test(error.message);
}
