// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { findDatabases } from './find-databases.ts';
import { readHeader, sizeComplaint } from './header.ts';
import type { SqliteOptions } from './options.ts';
import { placeOf, RECORD, type SavedDatabase } from './record.ts';
import { complaintAbout, countRows, runScript } from './sqlite3.ts';

type Context = PluginContext<SqliteOptions>;

/** While it is being made: a fixed name needs no quoting in a script. */
const PARTIAL = '.backup-client.partial';

/**
 * The databases that are to be saved.
 * @throws BackupError `failed` with every path that leads to none
 */
export async function locateDatabases({ paths, exclude, allow_missing }: SqliteOptions): Promise<readonly string[]> {
  const { files, missing } = await findDatabases(paths, exclude);
  if (missing.length === 0 || allow_missing) return files;
  const list = missing.map((path) => `${showControls(path)}: there is no such file.`).join('\n');
  throw new BackupError('failed', `${list}\nCorrect \`paths\`, or set \`allow_missing: true\` if that may be so.`);
}

/** Saves all databases of a task. One that fails does not keep the others from being saved; then all failures are thrown. */
export async function saveDatabases(context: Context): Promise<TaskResult> {
  const files = await locateDatabases(context.options);
  const saved: SavedDatabase[] = [];
  const failures: string[] = [];
  for (const file of files) {
    try {
      saved.push(await saveDatabase(file, context));
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      failures.push(error.message);
    }
  }
  const record = join(context.stage, RECORD);
  await mkdir(dirname(record), { recursive: true, mode: 0o700 });
  await writeFile(record, `${JSON.stringify({ format: 1, databases: saved }, undefined, 2)}\n`, { mode: 0o600 });
  if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
  return { tables: tablesOf(saved), facts: { databases: String(saved.length) } };
}

/** Full names: `/srv/app/app.db: orders`. */
function tablesOf(saved: readonly SavedDatabase[]): ReadonlyMap<string, number> {
  return new Map(
    saved.flatMap(({ path, tables }) => tables.map(([name, rows]) => [`${path}: ${name}`, rows] as const)),
  );
}

async function saveDatabase(file: string, context: Context): Promise<SavedDatabase> {
  const { mode, uid, gid } = await stat(file);
  const { wal } = await readHeader(file);
  const target = join(context.stage, placeOf(file));
  const directory = dirname(target);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const partial = join(directory, PARTIAL);
  try {
    await (await open(partial, 'wx', 0o600)).close();
    await copyOnline(file, partial, { context, wal });
    const tables = await proveCopy(file, partial, context);
    await chmod(partial, 0o600);
    await rename(partial, target);
    const { size } = await stat(target);
    return { path: file, mode: mode & 0o777, uid, gid, bytes: size, tables: [...tables] };
  } finally {
    for (const end of ['', '-journal', '-wal', '-shm']) await rm(`${partial}${end}`, { force: true });
  }
}

/** By the backup interface of SQLite: what other processes write meanwhile is in it wholly or not at all. */
async function copyOnline(
  file: string,
  partial: string,
  { context, wal }: { readonly context: Context; readonly wal: boolean },
): Promise<void> {
  const { exec, signal, options } = context;
  // Within one snapshot, which costs writers of a WAL database nothing: else each of them would make it begin anew.
  const snapshot = wal ? ['BEGIN;', 'SELECT count(*) FROM sqlite_master;'] : [];
  const lines = [`.timeout ${options.busy_timeout}`, ...snapshot, `.backup main ${basename(partial)}`];
  try {
    await runScript(file, lines, { exec, signal, cwd: dirname(partial), ...limitsOf(options) });
  } catch (error) {
    throw explain(error, `Cannot save ${showControls(file)}`, signal);
  }
}

async function proveCopy(file: string, partial: string, context: Context): Promise<Map<string, number>> {
  const { exec, signal, options } = context;
  const io = { exec, signal, ...limitsOf(options) };
  const name = showControls(file);
  const size = sizeComplaint(await readHeader(partial));
  if (size !== undefined) throw new BackupError('failed', `The copy of ${name} is not whole: ${size}.`);
  try {
    const complaint = await complaintAbout(partial, options.check, io);
    if (complaint === undefined) return await countRows(partial, io);
    throw new BackupError('failed', `PRAGMA ${options.check}_check: ${showControls(complaint)}`);
  } catch (error) {
    const message = `${name} is damaged, and so is its copy: it is not saved. Try \`.recover\` of sqlite3`;
    throw explain(error, message, signal);
  }
}

function limitsOf({ timeout }: SqliteOptions) {
  return { timeoutMs: timeout, limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml' };
}

function explain(error: unknown, message: string, signal: AbortSignal): unknown {
  signal.throwIfAborted();
  if (!(error instanceof BackupError)) return error;
  return new BackupError('failed', `${message}: ${error.message}`, { cause: error });
}
