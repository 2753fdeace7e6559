// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { definePlugin, type PluginContext, type TaskResult } from '../../plugin.ts';
import { listDatabases, readFacts } from './catalogue.ts';
import { DIRECTORY, writeIndex } from './copy.ts';
import { dumpDatabase, dumpGlobals } from './dump.ts';
import { databasesOf, describeTask, options, type PostgresqlOptions, savesGlobals } from './options.ts';
import { restore } from './restore.ts';
import { openServer } from './server.ts';
import { validate } from './validate.ts';
import { verify } from './verify.ts';

/** Dumps databases of a PostgreSQL server, checks that the dumps load, and puts them back. */
export const postgresql = definePlugin<PostgresqlOptions>({
  name: 'postgresql',
  summary: 'Dumps PostgreSQL databases with pg_dump, and the roles of the server.',
  options,
  takesContainer: true,
  describe: describeTask,
  validate,
  run,
  verify,
  restore,
});

async function run(context: PluginContext<PostgresqlOptions>): Promise<TaskResult> {
  const server = await openServer(context);
  const directory = join(context.stage, DIRECTORY);
  // Other database plugins of the service write there too.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = databasesOf(context.options) ?? (await listDatabases(server));
  const tables = new Map<string, number>();
  const failures: string[] = [];
  const saved: string[] = [];
  let version = '';
  for (const name of names) {
    const record = await attempt(context, failures, async () =>
      dumpDatabase(server, await readFacts(server, name), directory),
    );
    if (record === undefined) continue;
    for (const table of record.tables) tables.set(`${name}.${table.name}`, table.rows);
    version = record.facts.server;
    saved.push(name);
  }
  await writeIndex(directory, saved);
  if (savesGlobals(context.options)) await attempt(context, failures, () => dumpGlobals(server, directory));
  if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
  return { tables, facts: { postgresql: version } };
}

/** One database that cannot be dumped leaves the others their turn. */
async function attempt<Result>(
  { signal }: PluginContext,
  failures: string[],
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    failures.push(error.message);
    return undefined;
  }
}
