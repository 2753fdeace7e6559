// SPDX-License-Identifier: AGPL-3.0-or-later

import { readOptionalConfigFile } from '@local-backup/common/config/file';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { listDatabases, serverVersion } from './catalogue.ts';
import { databasesOf, type PostgresqlOptions, savesGlobals } from './options.ts';
import {
  type Context,
  hostOf,
  missingPrograms,
  openServer,
  type Program,
  passfileOf,
  plainCommand,
  type Server,
} from './server.ts';

/**
 * Finds out whether the databases could be dumped: programs, credential file, login, every database, versions.
 * @throws BackupError `config` where the machine lacks something, `failed` where the server does
 */
export async function validate(context: PluginContext<PostgresqlOptions>): Promise<readonly string[]> {
  const complaints = [
    ...(await missingPrograms(context, neededPrograms(context.options))),
    ...(await passfileComplaints(context)),
  ];
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  const server = await openServer(context);
  const names = databasesOf(context.options) ?? (await listDatabases(server));
  const failures: string[] = [];
  let newest = 0;
  for (const name of names) {
    try {
      newest = Math.max(newest, (await serverVersion(server, name)).number);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      failures.push(`database "${name}": ${describeError(error)}`);
    }
  }
  if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
  await requireNewDumper(server, newest);
  return [];
}

function neededPrograms(options: PostgresqlOptions): readonly Program[] {
  return [
    'psql',
    'pg_dump',
    ...(options.format === 'plain' ? [] : (['pg_restore'] as const)),
    ...(savesGlobals(options) ? (['pg_dumpall'] as const) : []),
  ];
}

/** A credential file that others can read is refused also where this login would not need it. */
async function passfileComplaints({ options, log }: Context): Promise<readonly string[]> {
  if (options.container !== undefined) return [];
  const file = passfileOf(options);
  try {
    const content = await readOptionalConfigFile(file);
    if (content !== undefined) return [];
    if (options.passfile !== undefined) return [`passfile: ${file} does not exist.`];
    if (hostOf(options) !== undefined) log.info(`There is no ${file}: the server has to let us in without a password.`);
    return [];
  } catch (error) {
    if (error instanceof BackupError) return [error.message];
    throw error;
  }
}

/** pg_dump refuses servers that are newer than itself. */
async function requireNewDumper(server: Server, serverNumber: number): Promise<void> {
  const { program, args, options } = plainCommand(server, 'pg_dump', ['--version']);
  const { stdout } = await server.context.exec(program, args, options);
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  const wanted = Math.floor(serverNumber / 10_000);
  if (Number.isNaN(major)) {
    throw new BackupError(
      'config',
      `\`pg_dump_cmd\` names no pg_dump: asked for its version, it says "${stdout.trim().slice(0, 100)}".`,
    );
  }
  if (major >= wanted) return;
  throw new BackupError(
    'config',
    `pg_dump is of version ${major}, the server of version ${wanted}: an older pg_dump refuses a newer server. ` +
      `Install postgresql-client-${wanted}, and name its pg_dump in \`pg_dump_cmd\` (/usr/lib/postgresql/${wanted}/bin/pg_dump).`,
  );
}
