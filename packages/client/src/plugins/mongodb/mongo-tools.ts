// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { inContainer } from '../../plugin-tools/container.ts';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import type { MongodbOptions } from './options.ts';

export type MongoContext = Pick<PluginContext<MongodbOptions>, 'options' | 'exec' | 'tools' | 'signal'>;

const PACKAGE = 'mongodb-database-tools, which MongoDB offers at https://www.mongodb.com/try/download/database-tools';

/** A few lines of YAML, with certificates perhaps. */
const LARGEST_CONFIG = 64 * 1024;

const SMALL_TIMEOUT_MS = 60_000;

/** @throws BackupError `config` where a program is not there, or the file with the password open to others */
export async function requireTools({ options }: MongoContext, ...programs: readonly string[]): Promise<void> {
  if (options.config_file !== undefined) await readSecretFile(options.config_file, LARGEST_CONFIG);
  if (options.container !== undefined) return;
  for (const program of programs) {
    if ((await findProgram(program)) !== undefined) continue;
    throw new BackupError('config', `${program} is not installed. Install the package ${PACKAGE}.`);
  }
}

/** An archive of one database, or of all: mode 0600, not empty. */
export async function dumpArchive(file: string, database: string | undefined, context: MongoContext): Promise<void> {
  await withConfig(context, async (config) => {
    const args = [...connectionArgs(context.options), ...config, ...databaseArgs(database), '--archive'];
    const words = inContainer({ program: 'mongodump', args }, context.options.container, context);
    await dumpToFile({ file, ...words, exec: context.exec, options: limitsOf(context) });
  });
}

/**
 * An archive that tells of a collection, without its documents. Where there is none, mongodump ends well and writes nothing
 * (`Dump` of mongo-tools, mongodump.go): the file is empty then.
 */
export async function dumpStructure(
  file: string,
  { database, collection }: { readonly database: string; readonly collection: string },
  context: MongoContext,
): Promise<void> {
  await withConfig(context, async (config) => {
    // Found by its index, and matches nothing.
    const query = ['--query={"_id":{"$in":[]}}'];
    const chosen = [...databaseArgs(database), `--collection=${collection}`, ...query];
    const args = [...connectionArgs(context.options), ...config, ...chosen, '--archive'];
    const words = inContainer({ program: 'mongodump', args }, context.options.container, context);
    const output = await open(file, 'w', 0o600);
    try {
      await context.exec(words.program, words.args, { ...limitsOf(context), stdoutTo: output.fd });
    } finally {
      await output.close();
    }
  });
}

/** Loads an archive. */
export async function loadArchive(
  file: string,
  { database, drop }: { readonly database: string | undefined; readonly drop: boolean },
  context: MongoContext,
): Promise<void> {
  await withConfig(context, async (config) => {
    // Nothing but what was asked for, whatever is in the archive.
    const chosen = database === undefined ? [] : [`--nsInclude=${database}.*`];
    const dropping = drop ? ['--drop'] : [];
    const args = [...connectionArgs(context.options), ...config, ...chosen, ...dropping, '--archive'];
    const words = inContainer({ program: 'mongorestore', args }, context.options.container, context);
    const input = await open(file);
    try {
      await context.exec(words.program, words.args, { ...limitsOf(context), stdin: input.fd });
    } finally {
      await input.close();
    }
  });
}

/** The file with the password as arguments; into a container it is copied for as long as it is needed. */
async function withConfig<Result>(context: MongoContext, work: (args: readonly string[]) => Promise<Result>) {
  const { options, exec, tools, signal } = context;
  if (options.config_file === undefined) return work([]);
  if (options.container === undefined) return work(['--config', options.config_file]);
  const config = await readSecretFile(options.config_file, LARGEST_CONFIG);
  // In memory, and gone with the container at the latest.
  const inside = `/dev/shm/backup-client-${randomBytes(8).toString('hex')}.yaml`;
  const limits = { timeoutMs: SMALL_TIMEOUT_MS };
  const put = inContainer({ program: 'install', args: ['-m', '600', '/dev/stdin', inside] }, options.container, {
    tools,
  });
  const remove = inContainer({ program: 'rm', args: ['-f', inside] }, options.container, { tools });
  try {
    await exec(put.program, put.args, { ...limits, signal, stdin: `${config}\n` });
    return await work(['--config', inside]);
  } finally {
    // Without the signal: also when the run is to end.
    await exec(remove.program, remove.args, limits);
  }
}

function connectionArgs({ host, port, username, auth_database }: MongodbOptions): string[] {
  const pairs = [
    ['--host', host],
    ['--port', port],
    ['--username', username],
    ['--authenticationDatabase', auth_database],
  ] as const;
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

function databaseArgs(database: string | undefined): string[] {
  return database === undefined ? [] : [`--db=${database}`];
}

function limitsOf({ options, signal }: MongoContext) {
  return {
    timeoutMs: options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
    signal,
  };
}
