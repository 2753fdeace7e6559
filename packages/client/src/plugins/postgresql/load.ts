// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult } from '@local-backup/common/exec';
import { onlyReading } from '../../plugin-tools/throw-away-user.ts';
import { bytesOf } from './dump.ts';
import { connectionString } from './names.ts';
import { openPipe } from './pipe.ts';
import { type DatabaseRecord, openInCopy } from './record.ts';
import { loginCommand, PSQL_ARGS, plainCommand, runSql, type Server } from './server.ts';

/** A dump and where it goes. */
export interface Load {
  readonly record: DatabaseRecord;
  /** Of the dump. */
  readonly path: string;
  readonly database: string;
  readonly scratch: string;
}

/**
 * Loads a dump into an empty database; the first error ends it.
 * @throws BackupError `failed`
 */
export async function loadDump(server: Server, load: Load): Promise<void> {
  const { record, path, database } = load;
  if (record.dumpFormat === 'plain') return withInput(path, (input) => feedPsql(server, { database, input: input.fd }));
  if (record.dumpFormat === 'directory') await bytesOf(path);
  if (record.dumpFormat === 'directory' && !canReadCopy(server)) return void (await pipeToPsql(server, load));
  const parallel = record.dumpFormat === 'directory' ? [`--jobs=${server.context.options.jobs}`, path] : [];
  const args = ['--exit-on-error', `--dbname=${connectionString(database)}`, ...parallel];
  const { program, args: words, options } = loginCommand(server, 'pg_restore', args);
  if (record.dumpFormat === 'directory') return void (await server.context.exec(program, words, options));
  await withInput(path, (input) => server.context.exec(program, words, { ...options, stdin: input.fd }));
}

/** The copy is root's alone: neither another account nor a container can look into a directory there. */
export function canReadCopy({ account, context }: Server): boolean {
  return account === undefined && context.options.container === undefined;
}

async function withInput(path: string, work: (input: FileHandle) => Promise<unknown>): Promise<void> {
  const input = await openInCopy(path);
  try {
    await work(input);
  } finally {
    await input.close();
  }
}

interface Feed {
  readonly database: string;
  /** A file descriptor that SQL comes from. */
  readonly input: number;
  /** Go on after an error, and say which ones there were. */
  readonly lenient?: boolean;
}

async function feedPsql(server: Server, { database, input, lenient = false }: Feed): Promise<RunResult> {
  const manner = lenient ? ['--set=ON_ERROR_STOP=0', '--set=VERBOSITY=verbose', restriction()] : [];
  const args = [...PSQL_ARGS, ...manner, '--output=/dev/null', `--dbname=${connectionString(database)}`, '--file=-'];
  const { program, args: words, options } = loginCommand(server, 'psql', args);
  if (!lenient) return server.context.exec(program, words, { ...options, stdin: input });
  return server.context.exec('prlimit', [...NO_CHILDREN, program, ...words], { ...options, stdin: input });
}

/**
 * Where the server refuses a COPY and psql goes on, psql takes its rows for SQL, and what begins with a backslash in them
 * for commands of its own: a shell, among others. Until it is told the key it carries out none of them.
 */
function restriction(): string {
  return `--command=\\restrict ${randomBytes(16).toString('hex')}`;
}

/** Measured with psql 15.18: what stands in backquotes behind `\unrestrict` is given to a shell before the key is looked at. */
const NO_CHILDREN = ['--nproc=0:0', '--'];

/** Whether the psql of a server knows `\restrict`. */
export async function canRestrict(server: Server): Promise<boolean> {
  try {
    await runSql(server, 'postgres', { args: [restriction()] });
    return true;
  } catch (error) {
    if (error instanceof BackupError && /invalid command/.test(error.message)) return false;
    throw error;
  }
}

/** pg_restore turns the archive into SQL; psql, which logs in, runs it. */
async function pipeToPsql(
  server: Server,
  { record, path, database, scratch }: Load,
  lenient = false,
): Promise<RunResult> {
  const { exec } = server.context;
  const isDirectory = record.dumpFormat === 'directory';
  // A file is handed over open; a directory is read by an account that may read everything and do nothing else.
  const here = isDirectory ? { ...server, account: undefined } : server;
  const owners = lenient ? ['--no-owner', '--no-privileges'] : [];
  const command = plainCommand(here, 'pg_restore', ['--file=-', ...owners, ...(isDirectory ? [path] : [])]);
  const { options } = command;
  const [program = '', ...args] = [...(isDirectory ? onlyReading() : []), command.program, ...command.args];
  const input = isDirectory ? undefined : await openInCopy(path);
  const pipe = await openPipe(scratch, server.context);
  try {
    const stdin = input === undefined ? {} : { stdin: input.fd };
    const writing = exec(program, args, { ...options, ...stdin, stdoutTo: pipe.writer.fd });
    const reading = feedPsql(server, { database, input: pipe.reader.fd, lenient });
    const both = Promise.allSettled([reading, writing]);
    // Each end is the programs' alone now: when one of them ends, the other one notices.
    await Promise.all([pipe.writer.close(), pipe.reader.close()]);
    const [read, written] = await both;
    if (read.status === 'rejected') throw read.reason;
    if (written.status === 'rejected') throw written.reason;
    return read.value;
  } finally {
    await input?.close();
  }
}

/** What a load without superuser rights came to. */
export interface LenientResult {
  /** Statements that only a superuser may run. */
  readonly refused: number;
  /** Errors of statements that may have needed one of these, the first ones. */
  readonly consequences: readonly string[];
  /** Errors that nothing excuses, the first ones. */
  readonly errors: readonly string[];
}

/** insufficient_privilege; duplicate_schema, of one that an extension needed before. */
const [REFUSED, HARMLESS] = ['42501', '42P06'];

/** Class of errors about what is not there (PostgreSQL, appendix A: error codes). */
const UNDEFINED = '42';

const MOST_ERRORS = 5;

/** Loads a dump with the rights of an ordinary role, as far as that goes. */
export async function loadLeniently(server: Server, load: Load): Promise<LenientResult> {
  const { path, database, record } = load;
  let stderr = '';
  if (record.dumpFormat === 'plain') {
    await withInput(path, async (input) => {
      ({ stderr } = await feedPsql(server, { database, input: input.fd, lenient: true }));
    });
  } else ({ stderr } = await pipeToPsql(server, load, true));
  const found = [...stderr.matchAll(/(?:ERROR|FATAL): {2}([0-9A-Z]{5}): (.*)/g)];
  const refused = found.filter(([, code]) => code === REFUSED).length;
  const others = found.filter(([, code]) => code !== REFUSED && code !== HARMLESS);
  const isConsequence = ([, code = '']: readonly string[]) => refused > 0 && code.startsWith(UNDEFINED);
  const messages = (list: readonly (readonly string[])[]) =>
    list.slice(0, MOST_ERRORS).map(([, , message = '']) => message);
  return {
    refused,
    consequences: messages(others.filter(isConsequence)),
    errors: messages(others.filter((match) => !isConsequence(match))),
  };
}
