// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { ACCOUNTS_FILE, accountsOf, accountsText } from './accounts.ts';
import { chosenDatabases, looseTables, serverVersion } from './databases.ts';
import { dumpDatabase, refuseExisting } from './dump-database.ts';
import type { Flavour } from './flavour.ts';
import { type DatabaseOptions, savesGrants } from './options.ts';
import { DIRECTORY } from './record.ts';
import { openServer, type Server } from './server.ts';

/** Tables that are named in a warning. */
const NAMED = 5;

/**
 * Dumps the databases of a task, one after the other; one that fails leaves the others their turn.
 * @throws BackupError that tells of all that failed; what could be saved is in the stage
 */
export async function saveDatabases(context: PluginContext<DatabaseOptions>, flavour: Flavour): Promise<TaskResult> {
  const server = await openServer(context, flavour);
  const version = await serverVersion(server);
  const databases = await chosenDatabases(server, context.options);
  const directory = join(context.stage, DIRECTORY);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const warnings: string[] = [];
  const failures: string[] = [];
  const tables = new Map<string, number>();
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      failures.push(`${what}: ${describeError(error)}`);
    }
  };
  for (const database of databases) {
    await attempt(`database ${database.name}`, async () => {
      if (!context.options.lock_tables) warnings.push(...(await looseWarning(server, database.name)));
      const dump = { database, version, directory };
      const { record, warnings: more } = await dumpDatabase(dump, server, { ...context, flavour });
      warnings.push(...more);
      for (const { name, rows } of record.tables) tables.set(`${database.name}.${name}`, rows);
    });
  }
  if (savesGrants(context.options)) await attempt('accounts', () => saveAccounts(server, version, directory));
  if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
  if (databases.length === 0) warnings.push('The server holds no database but its own: no dump was made.');
  return { warnings, tables, facts: { server: version.slice(0, 200), databases: String(databases.length) } };
}

async function saveAccounts(server: Server, version: string, directory: string): Promise<void> {
  const file = join(directory, ACCOUNTS_FILE);
  await refuseExisting([file]);
  const text = await accountsText(server, await accountsOf(server, version));
  await writeFile(file, text, { flag: 'wx', mode: 0o600 });
}

async function looseWarning(server: Server, database: string): Promise<readonly string[]> {
  const tables = await looseTables(server, database);
  if (tables.length === 0) return [];
  const more = tables.length > NAMED ? ` and ${tables.length - NAMED} more` : '';
  return [
    `database ${database}: tables without transactions may have changed while they were dumped: ` +
      `${tables.slice(0, NAMED).join(', ')}${more}. Set \`lock_tables: true\`, or change their engine to InnoDB.`,
  ];
}
