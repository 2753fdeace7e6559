// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { type Ask, quoted } from './influxql.ts';
import type { InfluxServer } from './server.ts';

/** Beside the backup: what it does not hold. */
const STATEMENTS = 'statements.influxql';

/** Continuous queries and grants by database: `influxd restore -portable` brings back neither (1.6.7). */
export async function statementsOf(ask: Ask): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  const add = (database: string, statement: string) => found.set(database, [...(found.get(database) ?? []), statement]);
  for (const { name = '', values } of await ask('SHOW CONTINUOUS QUERIES')) {
    for (const [, query] of values) add(name, String(query));
  }
  for (const [user] of (await ask('SHOW USERS')).flatMap(({ values }) => values)) {
    const grants = (await ask(`SHOW GRANTS FOR ${quoted(String(user))}`)).flatMap(({ values }) => values);
    for (const [database, privilege] of grants) {
      if (!/^(?:READ|WRITE|ALL PRIVILEGES)$/.test(String(privilege))) continue;
      add(String(database), `GRANT ${privilege} ON ${quoted(String(database))} TO ${quoted(String(user))}`);
    }
  }
  return found;
}

/** All of them, sorted; a warning where the server does not tell them: the data can be saved all the same. */
export async function askStatements(
  server: InfluxServer,
): Promise<{ readonly statements: readonly string[]; readonly warnings: readonly string[] }> {
  try {
    return { statements: [...(await server.statements()).values()].flat().sort(), warnings: [] };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const advice = 'Correct `api`; where it asks for a login, set `credentials_file`.';
    const warning = `Continuous queries and grants are not saved, the data are: ${error.message} ${advice}`;
    return { statements: [], warnings: [warning] };
  }
}

/**
 * Saves them for an admin who builds a new server; they are not run from a copy, which may be hostile.
 * @returns warnings
 */
export async function saveStatements(directory: string, server: InfluxServer): Promise<readonly string[]> {
  const { statements, warnings } = await askStatements(server);
  if (statements.length > 0) {
    await writeFile(join(directory, STATEMENTS), `${statements.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  }
  return warnings;
}

/** What to tell after a restore that has made databases: whether the copy has something for them. */
export async function statementsNote(directory: string): Promise<readonly string[]> {
  const facts = await lstat(join(directory, STATEMENTS)).catch(() => undefined);
  if (facts === undefined) return [];
  return [
    `Continuous queries and grants are not put back by themselves. Create the users, look at ${STATEMENTS} in the ` +
      'copy, and type it in.',
  ];
}
