// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions } from '@local-backup/common/exec';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { inContainer, type Words } from '../../plugin-tools/container.ts';
import { type Account, findAccount } from './account.ts';
import { explainFailure } from './explain.ts';
import { connectionString } from './names.ts';
import type { PostgresqlOptions } from './options.ts';

/** What stages of a backup and of a restore have in common. */
export type Context = Pick<PluginContext<PostgresqlOptions>, 'options' | 'exec' | 'tools' | 'signal' | 'log'>;

/** Programs of PostgreSQL that come with its client package. */
export type Program = 'psql' | 'pg_dump' | 'pg_dumpall' | 'pg_restore';

/** A command of PostgreSQL, ready for `exec`. */
export interface Command extends Words {
  readonly options: Omit<RunOptions, 'stdoutTo' | 'onLine' | 'stdin'>;
}

/** Where passwords are if `passfile` does not say so. */
const DEFAULT_PASSFILE = '/root/.pgpass';

/** A question to the catalogue takes milliseconds; a server that hangs is noticed. */
const QUESTION_TIMEOUT_MS = 120_000;

/** The server as a task reaches it. */
export interface Server {
  readonly context: Context;
  /** The account that programs run as: over a socket the server knows people by it. Undefined: our own. */
  readonly account: Account | undefined;
}

/**
 * Over a socket, root is nobody for PostgreSQL: there programs run as the account that is called like the role, where
 * there is one and no `passfile` says that a password is used.
 */
export async function openServer(context: Context): Promise<Server> {
  const { container, passfile } = context.options;
  const host = hostOf(context.options);
  const overSocket = host === undefined || host.startsWith('/');
  const usesAccount = overSocket && container === undefined && passfile === undefined && process.getuid?.() === 0;
  const account = usesAccount ? await findAccount(userOf(context.options) ?? 'postgres', context) : undefined;
  return { context, account };
}

/** `host`, in either spelling. */
export function hostOf({ host, hostname }: PostgresqlOptions): string | undefined {
  return host ?? hostname;
}

/** `user`, in either spelling; in a container, whose root the server does not know either, `postgres`. */
export function userOf({ user, username, container }: PostgresqlOptions): string | undefined {
  return user ?? username ?? (container === undefined ? undefined : 'postgres');
}

/** The file that passwords are looked for in. */
export function passfileOf({ passfile }: PostgresqlOptions): string {
  return passfile ?? DEFAULT_PASSFILE;
}

/** A program that logs in: host, port, user, and never a question for a password. */
export function loginCommand(server: Server, program: Program, args: readonly string[]): Command {
  const { options } = server.context;
  const user = userOf(options);
  const host = hostOf(options);
  return plainCommand(server, program, [
    ...(host === undefined ? [] : [`--host=${host}`]),
    ...(options.port === undefined ? [] : [`--port=${options.port}`]),
    ...(user === undefined ? [] : [`--username=${user}`]),
    '--no-password',
    ...args,
  ]);
}

/** A program of the client package, inside the container where there is one. */
export function plainCommand({ context, account }: Server, program: Program, args: readonly string[]): Command {
  const { options, tools, signal } = context;
  const [name = program, ...first] = programWords(tools.pg_dump, program);
  const words = inContainer({ program: name, args: [...first, ...args] }, options.container, { tools });
  return {
    ...words,
    options: {
      cwd: '/',
      env: environment(options, account),
      timeoutMs: options.timeout,
      limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
      signal,
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    },
  };
}

function environment(options: PostgresqlOptions, account: Account | undefined): Record<string, string> {
  const common = { PGCONNECT_TIMEOUT: '30', PGCLIENTENCODING: 'UTF8' };
  if (account !== undefined) return { ...common, HOME: account.home };
  return { ...common, PGPASSFILE: passfileOf(options) };
}

/**
 * `pg_dump_cmd` may name another pg_dump than the one on the PATH, or run it as somebody: its siblings are beside it.
 */
export function programWords(pgDump: readonly string[], program: Program): readonly string[] {
  const last = pgDump.at(-1);
  if (program === 'pg_dump') return pgDump;
  if (last === undefined || !/(?:^|\/)pg_dump$/.test(last)) return [program];
  return [...pgDump.slice(0, -1), last.replace(/pg_dump$/, program)];
}

/** Programs that are not there, as complaints. */
export async function missingPrograms(context: Context, programs: readonly Program[]): Promise<readonly string[]> {
  const { options, tools } = context;
  const words =
    options.container === undefined
      ? programs.map((program) => programWords(tools.pg_dump, program)[0] ?? program)
      : [tools.docker[0] ?? 'docker'];
  const found = await Promise.all(words.map((word) => findProgram(word)));
  return words
    .filter((_, index) => found[index] === undefined)
    .map((word) => `${word} is not there. ${options.container === undefined ? CLIENT_PACKAGE : CONTAINER_PACKAGE}`);
}

const CLIENT_PACKAGE = 'Install the Debian package postgresql-client, or name the pg_dump to use in `pg_dump_cmd`.';
const CONTAINER_PACKAGE = 'Install Docker, or set `docker_cmd: podman compose`.';

/**
 * Asks a database one question.
 * @returns the lines of the answer; a column of JSON is one line
 * @throws BackupError `failed` that says what to do
 */
export async function ask(server: Server, database: string, sql: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const onLine = (text: string) => lines.push(text);
  await runSql(server, database, { args: ['--command', sql], onLine, mostMs: QUESTION_TIMEOUT_MS });
  return lines.filter((text) => text !== '');
}

/**
 * Gives a database statements.
 * @throws BackupError `failed` with the first error
 */
export async function execute(server: Server, database: string, statements: readonly string[]): Promise<void> {
  // One argument each: several in one would be one transaction, in which no database can be created.
  const args = statements.flatMap((statement) => ['--command', statement]);
  if (args.length > 0) await runSql(server, database, { args });
}

interface Script {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly onLine?: (line: string) => void;
  /** Less than the time limit of the task. */
  readonly mostMs?: number;
}

/** Runs psql so that no file of the admin's changes what it does, and an error ends it. */
export async function runSql(server: Server, database: string, { args, mostMs, ...io }: Script): Promise<void> {
  const {
    program,
    args: words,
    options,
  } = loginCommand(server, 'psql', [...PSQL_ARGS, `--dbname=${connectionString(database)}`, ...args]);
  const timeoutMs = Math.min(options.timeoutMs, mostMs ?? options.timeoutMs);
  try {
    await server.context.exec(program, words, { ...options, timeoutMs, ...io });
  } catch (error) {
    throw explainFailure(error, server.context);
  }
}

/** No start-up file, bare values, an error is an error. */
export const PSQL_ARGS = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'];

/** True where a question failed because there is no such database. */
export function isMissingDatabase(error: unknown): boolean {
  return error instanceof BackupError && /FATAL: {2}database ".*" does not exist/s.test(error.message);
}
