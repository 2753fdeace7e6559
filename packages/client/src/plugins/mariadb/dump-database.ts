// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, statfs, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import { brokenViews, type Database, isAboutView, tablesInUse } from './databases.ts';
import type { Flavour } from './flavour.ts';
import { fileNameOf } from './names.ts';
import { type DatabaseRecord, DIRECTORY, recordText } from './record.ts';
import { END_MARK, scanDump } from './scan-dump.ts';
import type { Server, ServerContext } from './server.ts';

/** What is always asked of the dump program; a line of `dump_options` may add to it. */
const DUMP_ARGS = [
  ...['--quick', '--routines', '--events', '--triggers', '--hex-blob', '--skip-dump-date', '--no-tablespaces'],
  // Whatever option files of the host say: a dump without data, or of some rows, is no dump.
  ...['--skip-no-data', '--skip-no-create-info', '--skip-force', '--quote-names', '--comments', '--skip-compact'],
  '--default-character-set=utf8mb4',
];

/** Tables that are named in a warning. */
const NAMED = 5;

/** What is dumped, and where to. */
export interface Dump {
  readonly database: Database;
  /** Version of the server. */
  readonly version: string;
  /** Directory that the dump and its record are written to. */
  readonly directory: string;
}

/** What a dump needs of the core. */
export type DumpContext = ServerContext & { readonly flavour: Flavour };

/** What came of a dump. */
export interface Dumped {
  readonly record: DatabaseRecord;
  readonly warnings: readonly string[];
}

/**
 * Dumps one database, and writes down beside it what its dump does not say. Views that are broken are left out, with a
 * warning: they would make the dump fail, and loading it as well.
 * @throws BackupError `failed`; neither file is there then
 */
export async function dumpDatabase(dump: Dump, server: Server, context: DumpContext): Promise<Dumped> {
  const { database, directory } = dump;
  const base = join(directory, fileNameOf(database.name));
  const [file, recordFile] = [`${base}.sql`, `${base}.json`];
  await refuseExisting([file, recordFile]);
  const broken = await dumpWhatCanBe(file, { dump, server, context });
  try {
    const record = await recordOf(file, dump, context);
    await writeFile(recordFile, recordText(record), { flag: 'wx', mode: 0o600 });
    const warnings = broken.map(
      (view) =>
        `database ${database.name}: view ${view} is not saved: what it looks into is gone. Mend it, or drop it.`,
    );
    return { record, warnings };
  } catch (error) {
    await unlink(file);
    throw error;
  }
}

interface Work {
  readonly dump: Dump;
  readonly server: Server;
  readonly context: DumpContext;
}

/** @returns the views that had to be left out */
async function dumpWhatCanBe(file: string, { dump, server, context }: Work): Promise<readonly string[]> {
  const { name } = dump.database;
  const { options, flavour, exec, signal } = context;
  const consistent = options.lock_tables ? ['--lock-tables'] : ['--single-transaction', '--skip-lock-tables'];
  const args = [...DUMP_ARGS, ...consistent, ...flavour.dumpArgs, ...options.dump_options];
  const attempt = (ignored: readonly string[]) => {
    const ignoring = ignored.map((view) => `--ignore-table=${name}.${view}`);
    return dumpToFile({ file, ...server.dumpCall([...args, ...ignoring, '--', name]), exec, endMark: END_MARK });
  };
  try {
    await attempt([]);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    const broken = isAboutView(error) ? await brokenViews(server, name) : [];
    if (broken.length === 0) throw await explainDump(server.explained(error), { server, dump });
    await attempt(broken).catch(async (second) => {
      signal.throwIfAborted();
      throw await explainDump(server.explained(second), { server, dump });
    });
    return broken;
  }
}

async function recordOf(file: string, dump: Dump, { flavour, signal }: DumpContext): Promise<DatabaseRecord> {
  const content = await scanDump(file, signal);
  if (!content.complete)
    throw new BackupError('failed', `The dump ends in the middle of a statement: ${basename(file)}.`);
  const { name, characterSet, collation } = dump.database;
  const tables = [...content.tables].map(([table, rows]) => ({ name: table, rows }));
  const about = { format: 1 as const, plugin: flavour.name, server: dump.version.slice(0, 200) };
  return { ...about, database: name, characterSet, collation, tables };
}

/**
 * Several database plugins of a service share the directory.
 * @throws BackupError `failed` where another one has left a file of that name there
 */
export async function refuseExisting(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const there = await lstat(file).catch(() => undefined);
    if (there === undefined) continue;
    throw new BackupError(
      'failed',
      `${DIRECTORY}/${basename(file)} is there already: another task of this service saves a database of that name, or its ` +
        'accounts. Put one of them into a service of its own.',
    );
  }
}

/** A full disk and a locked table are not seen in what the program says. */
async function explainDump(
  error: unknown,
  { server, dump }: { readonly server: Server; readonly dump: Dump },
): Promise<unknown> {
  if (!(error instanceof BackupError)) return error;
  const space = await statfs(dirname(dump.directory)).catch(() => undefined);
  if (/\b(?:28|No space left)\b/.test(error.message) || space?.bavail === 0)
    return new BackupError('failed', `No space left in ${dump.directory}: ${error.message}`, { cause: error });
  if (!/too long/.test(error.message)) return error;
  const used = await tablesInUse(server, dump.database.name).catch(() => []);
  if (used.length === 0) return error;
  return new BackupError('failed', `${error.message}\nIn use or locked: ${used.slice(0, NAMED).join(', ')}.`, {
    cause: error,
  });
}
