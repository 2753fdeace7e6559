// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions } from '@local-backup/common/exec';
import { findProgram } from '@local-backup/common/find-program';
import * as z from 'zod';
import type { PluginContext } from '../../plugin.ts';

/** The command-line program of SQLite; Debian's package has the same name. */
export const PROGRAM = 'sqlite3';

export const NOT_INSTALLED = 'sqlite3 is not installed. Install the package sqlite3.';

/** @throws BackupError `config` */
export async function requireProgram(): Promise<void> {
  if ((await findProgram(PROGRAM)) === undefined) throw new BackupError('config', NOT_INSTALLED);
}

/** No `.sqliterc` of anybody's, no questions, the end at the first error, nothing written to the database. */
const ARGUMENTS = ['-init', '/dev/null', '-batch', '-bail', '-readonly'];

type Io = Pick<PluginContext, 'exec' | 'signal'> &
  Pick<RunOptions, 'cwd' | 'timeoutMs' | 'limitedBy' | 'onLine'> & {
    /** Words that the program is started by, which take its rights away. */
    readonly confined?: readonly string[];
  };

/** Runs a script on a database of this host. */
export function runScript(database: string, lines: readonly string[], io: Io) {
  return run([...ARGUMENTS, database], lines, io);
}

/**
 * Asks a copy that nobody writes to: `immutable`, so that no file is made beside it. What is in it may be hostile:
 * no function of a schema that could touch anything is called (`-safe`, since SQLite 3.37; `trusted_schema`).
 */
function askCopy(file: string, lines: readonly string[], io: Io) {
  const name = file.split('/').map(encodeURIComponent).join('/');
  const args = [...ARGUMENTS, '-safe', `file:${name}?immutable=1`];
  return run(args, ['PRAGMA trusted_schema=OFF;', ...lines], io);
}

function run(args: readonly string[], lines: readonly string[], { exec, confined = [], ...options }: Io) {
  const [program = PROGRAM, ...words] = [...confined, PROGRAM, ...args];
  return exec(program, words, { ...options, stdin: `${lines.join('\n')}\n` });
}

const names = z.array(z.strictObject({ name: z.string() }));

/** Rows of every table of a copy. Virtual tables have none of their own (root page 0): their shadow tables count. */
export async function countRows(file: string, io: Io): Promise<Map<string, number>> {
  const ask = `SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name;`;
  const listed: string[] = [];
  await askCopy(file, ['.mode json', ask], { ...io, onLine: (line) => listed.push(line) });
  const tables = listed.length === 0 ? [] : names.parse(JSON.parse(listed.join('\n')));
  const counts: string[] = [];
  const counting = tables.map((table) => `SELECT count(*) FROM "${table.name.replaceAll('"', '""')}";`);
  if (tables.length > 0) await askCopy(file, counting, { ...io, onLine: (line) => counts.push(line) });
  return new Map(tables.map((table, index) => [table.name, Number(counts[index])]));
}

/**
 * Lets SQLite look at every page of a copy.
 * @returns what it complains of, at most ten lines; undefined: nothing
 */
export async function complaintAbout(file: string, check: 'integrity' | 'quick', io: Io): Promise<string | undefined> {
  const { stdout } = await askCopy(file, [`PRAGMA ${check}_check(10);`], io);
  return stdout.trim() === 'ok' ? undefined : stdout.trim() || 'no answer';
}
