// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../../plugin.ts';
import type { Flavour } from '../flavour.ts';
import type { DatabaseOptions } from '../options.ts';
import { openServer, type Server } from '../server.ts';
import { checkpointComplaint, type DataFiles, listData, strangeNames } from './data-files.ts';
import { DATA, PHYSICAL, type PhysicalRecord, RECORD } from './record.ts';
import { lookAtSource, requireRoom, type SourceServer, type SourceTable, tablesOfSource } from './source-server.ts';

type Context = PluginContext<DatabaseOptions>;

/** What mariadb-backup writes last. */
const END_MARK = /completed OK!\s*$/;

/** Engines whose files mariadb-backup copies. */
const COPIED = new Set(['InnoDB', 'Aria', 'MyISAM', 'MRG_MyISAM', 'CSV', 'ARCHIVE', 'ROCKSDB', 'unknown']);

/** Those of which a table without its files would be no table. */
const PROVEN = new Set(['InnoDB', 'Aria', 'MyISAM']);

/** Files that are open beside those of the data directory. */
const SPARE_FILES = 1000;

/** Tables that a message names. */
const NAMED = 5;

/**
 * Finds out whether a physical copy could succeed. Changes nothing.
 * @throws BackupError `config` or `failed`
 */
export async function validatePhysical(context: Context, flavour: Flavour): Promise<readonly string[]> {
  const server = await openServer(context, flavour);
  const source = await lookAtSource(server, context);
  await requireRoom(source, context.stage);
  return engineWarnings(await tablesOfSource(server));
}

/**
 * Copies the files of a server while it runs, and makes the copy one that a server can be started with.
 * @throws BackupError `failed`; nothing of the copy is there then
 */
export async function savePhysical(context: Context, flavour: Flavour): Promise<TaskResult> {
  const server = await openServer(context, flavour);
  const source = await lookAtSource(server, context);
  await requireRoom(source, context.stage);
  const directory = join(context.stage, PHYSICAL);
  await makeDirectory(directory);
  try {
    return await copyInto(directory, { server, source, context });
  } catch (error) {
    // Before half a copy is removed: it is what has filled the disk.
    const space = await statfs(directory).catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
    context.signal.throwIfAborted();
    throw fullDisk(server.explained(error), { directory, isFull: space?.bavail === 0 });
  }
}

interface Work {
  readonly server: Server;
  readonly source: SourceServer;
  readonly context: Context;
}

async function copyInto(directory: string, { server, source, context }: Work): Promise<TaskResult> {
  const data = join(directory, DATA);
  const before = await tablesOfSource(server);
  // It opens all files of InnoDB at once; a unit of systemd may open 1,024 without asking.
  const limit = `--open-files-limit=${source.files.files.length + SPARE_FILES}`;
  const from = [`--target-dir=${data}`, `--datadir=${source.datadir}`];
  const call = server.backupCall(source.tool, ['--backup', ...from, limit]);
  requireEnd(await context.exec(call.program, call.args, call.options), `${source.tool} --backup`);
  const prepare = ['--prepare', `--target-dir=${data}`, limit];
  // It reads the options that the copy names, none of the server's.
  requireEnd(await context.exec(source.tool, prepare, { ...call.options, cwd: directory }), `${source.tool} --prepare`);
  const complaint = await checkpointComplaint(data);
  if (complaint !== undefined) throw new BackupError('failed', `The physical copy is not whole: ${complaint}.`);
  const files = await listData(data);
  requireKnownNames(files);
  const tables = copiedTables(files, before, await tablesOfSource(server));
  const record = recordOf(source, files, tables);
  await writeFile(join(directory, RECORD), `${JSON.stringify(record, undefined, 1)}\n`, { flag: 'wx', mode: 0o600 });
  return {
    warnings: engineWarnings(tables),
    tables: new Map(tables.map(({ database, name }) => [`${database}.${name}`, undefined])),
    facts: { server: record.server, physical: source.tool, tables: String(tables.length) },
  };
}

function requireEnd({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }, what: string): void {
  if (END_MARK.test(stderr) || END_MARK.test(stdout)) return;
  throw new BackupError(
    'failed',
    `${what} ended without error, but did not say \`completed OK!\` at its end: nothing is saved.`,
  );
}

function requireKnownNames(files: DataFiles): void {
  const strange = strangeNames(files);
  if (strange.length === 0) return;
  const list = strange.slice(0, NAMED).join(', ');
  throw new BackupError(
    'failed',
    `The data directory holds names that no MariaDB writes: ${list}. Remove or rename them.`,
  );
}

/**
 * The tables that are in a copy.
 * @throws BackupError `failed` where one is not, though it was there all the time
 */
function copiedTables(
  { files }: DataFiles,
  before: readonly SourceTable[],
  after: readonly SourceTable[],
): readonly SourceTable[] {
  const there = new Set(files.map(({ path }) => path));
  // `CON` and the like are written as `CON@@@`.
  const isThere = ({ path }: SourceTable) => there.has(`${path}.frm`) || there.has(`${path}@@@.frm`);
  const stayed = new Set(before.map(({ path }) => path));
  const lost = after.filter((table) => PROVEN.has(table.engine) && stayed.has(table.path) && !isThere(table));
  if (lost.length > 0) {
    const list = lost.slice(0, NAMED).map(({ database, name }) => `${database}.${name}`);
    throw new BackupError('failed', `The physical copy is not whole: it lacks table ${list.join(', ')}.`);
  }
  return after.filter(isThere);
}

function recordOf(
  { version, variables }: SourceServer,
  { files }: DataFiles,
  tables: readonly SourceTable[],
): PhysicalRecord {
  return {
    format: 1,
    plugin: 'mariadb',
    server: version.slice(0, 200),
    variables,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    tables: tables.map(({ database, name, engine }) => ({ database, name, engine })),
  };
}

function engineWarnings(tables: readonly SourceTable[]): readonly string[] {
  const engines = new Map<string, string[]>();
  for (const { engine, database, name } of tables) {
    if (!COPIED.has(engine)) engines.set(engine, [...(engines.get(engine) ?? []), `${database}.${name}`]);
  }
  return [...engines].map(([engine, names]) => {
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
    return (
      `Rows of tables of engine ${engine} are not in a physical copy: ${names.slice(0, NAMED).join(', ')}${more}. Change ` +
      'their engine, or dump the databases (`physical: false`).'
    );
  });
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new BackupError(
      'failed',
      `${PHYSICAL} is there already: another task of this service makes a physical copy. Put one of them into a service of its own.`,
    );
  }
}

function fullDisk(
  error: unknown,
  { directory, isFull }: { readonly directory: string; readonly isFull: boolean },
): unknown {
  if (!(error instanceof BackupError)) return error;
  if (!isFull && !/No space left|errno[: ]+28\b/i.test(error.message)) return error;
  return new BackupError('failed', `No space left in ${directory} for the physical copy: ${error.message}`, {
    cause: error,
  });
}
