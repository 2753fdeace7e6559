// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions, RunResult } from '@local-backup/common/exec';
import type { PluginContext } from '../../plugin.ts';
import { containerEngine, inContainer } from '../../plugin-tools/container.ts';
import type { Flavour } from './flavour.ts';
import { markStatement } from './loader.ts';
import type { DatabaseOptions } from './options.ts';
import { findClient, findDump } from './programs.ts';
import { explain } from './trouble.ts';

/** What is needed to talk to a server. */
export type ServerContext = Pick<PluginContext<DatabaseOptions>, 'options' | 'exec' | 'tools' | 'signal' | 'log'>;

/** A command that is ready to be started, credentials handed over. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: Omit<RunOptions, 'stdoutTo' | 'onLine'>;
}

/** How something is loaded. */
export interface LoadTarget {
  readonly database?: string;
  /** Letters, digits and dashes: the name of a lock that the connection holds, by which it is found again; see loader.ts. */
  readonly mark?: string | undefined;
}

/** The server of a task. */
export interface Server {
  /** Rows of a query, as the client prints them: columns that may hold anything are asked for as HEX(). */
  query(sql: string): Promise<readonly (readonly string[])[]>;
  /** Runs statements that come from standard input: a text, or an open dump. Commands of the client are off. */
  load(input: string | number, target?: LoadTarget): Promise<void>;
  /** The command that dumps a database. */
  dumpCall(args: readonly string[]): Call;
  /** The command that copies the files of a server of this machine. */
  backupCall(program: string, args: readonly string[]): Call;
  /** An error of one of these, with what it means and what to do. */
  explained(error: unknown): unknown;
}

/** The credentials file that counts without `defaults_file`, as in the original. */
const USUAL_FILE = '/root/.my.cnf';
const LARGEST_FILE = 64 * 1024;
const QUERY_TIMEOUT_MS = 10 * 60_000;
const CONNECT_TIMEOUT_S = 30;

/** Clients take rows up to this size; what the server takes is its own option. */
const LARGEST_PACKET = '--max-allowed-packet=1G';

/**
 * Finds the programs and the credentials of a task.
 * @throws BackupError `config` where a program is missing or the credentials file is not root's alone
 */
export async function openServer(context: ServerContext, flavour: Flavour): Promise<Server> {
  const { options, exec, signal } = context;
  const file = await credentialsFile(options);
  const secret = file === undefined ? undefined : await readSecretFile(file, LARGEST_FILE);
  const [client, dump] = [await findClient(context, flavour), await findDump(context, flavour)];
  const inside = options.container !== undefined;
  const handed = inside && secret !== undefined;
  const here = handed ? '/dev/stdin' : file;
  const explained = (error: unknown) => {
    if (!(error instanceof BackupError)) return error;
    return new BackupError(error.code, explain(error.message, { flavour, place: options, file }), { cause: error });
  };

  const call = (words: readonly string[], args: readonly string[], given: Partial<RunOptions>): Call => {
    const [program = '', ...first] = words;
    const command = inContainer({ program, args: [...first, ...args] }, options.container, context);
    const limits = { cwd: '/', timeoutMs: options.timeout, limitedBy: LIMITED_BY, signal };
    return { ...command, options: { ...limits, ...given } };
  };
  const stdin = handed ? { stdin: `${secret}\n` } : {};

  const query = async (sql: string) => {
    const rows: string[][] = [];
    const args = [...loginArgs(options, here), ...QUERY_ARGS, `--execute=${sql}`];
    const { program, args: all, options: run } = call(client, args, { timeoutMs: QUERY_TIMEOUT_MS, ...stdin });
    await exec(program, all, { ...run, onLine: (line) => rows.push(line.split('\t').map(unescaped)) }).catch(rethrow);
    return rows;
  };
  const rethrow = (error: unknown): never => {
    signal.throwIfAborted();
    throw explained(error);
  };
  const loadWith = (input: string | number, { database, mark }: LoadTarget, place: string | undefined) => {
    const target = database === undefined ? [] : [`--database=${database}`];
    const marked = mark === undefined ? [] : [`--init-command=${markStatement(mark)}`];
    const args = [...loginArgs(options, place), ...LOAD_ARGS, ...marked, ...target];
    const { program, args: all, options: run } = call(client, args, { stdin: input });
    return exec(program, all, run).catch(rethrow);
  };
  return {
    query,
    explained,
    load: async (input, target = {}) => {
      if (!handed) await loadWith(input, target, file);
      else await withFileInside(context, secret, (place) => loadWith(input, target, place)).catch(rethrow);
    },
    backupCall: (program, args) => call([program], [...loginArgs(options, file), ...args], {}),
    dumpCall: (args) => call(dump, [...loginArgs(options, here), LARGEST_PACKET, ...args], stdin),
  };
}

const LIMITED_BY = '`timeout` of the task, `task_timeout` of client_config.yml';

const QUERY_ARGS = [
  ...['--batch', '--skip-column-names', '--skip-force', '--default-character-set=utf8mb4'],
  `--connect-timeout=${CONNECT_TIMEOUT_S}`,
];

/**
 * `\!`, `system`, `source` and `tee` of the client are off: --binary-mode takes them for SQL, the sandbox of newer clients
 * refuses them.
 */
export const LOAD_ARGS: readonly string[] = [
  ...['--batch', '--skip-force', '--binary-mode', '--loose-sandbox', '--local-infile=0'],
  // A connection that was ended stays so.
  '--skip-reconnect',
  ...[LARGEST_PACKET, '--default-character-set=utf8mb4', `--connect-timeout=${CONNECT_TIMEOUT_S}`],
];

/** The file comes first: the programs demand it. */
function loginArgs({ host, port, socket, user }: DatabaseOptions, file: string | undefined): string[] {
  return [
    ...(file === undefined ? [] : [`--defaults-extra-file=${file}`]),
    ...(host === undefined ? [] : [`--host=${host}`]),
    ...(port === undefined ? [] : [`--port=${port}`]),
    ...(socket === undefined ? [] : [`--socket=${socket}`]),
    ...(user === undefined ? [] : [`--user=${user}`]),
  ];
}

async function credentialsFile({ defaults_file, container }: DatabaseOptions): Promise<string | undefined> {
  if (defaults_file !== undefined || container !== undefined) return defaults_file;
  // Where it cannot be looked for, it could not be read either: then we are not root, and it is none of ours.
  const facts = await lstat(USUAL_FILE).catch(() => undefined);
  return facts === undefined ? undefined : USUAL_FILE;
}

/** Standard input is taken by what is loaded: the credentials go into a file of the container, mode 0600, for that long. */
async function withFileInside<Result>(
  { options, exec, tools }: ServerContext,
  secret: string,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  const file = `/tmp/.local-backup-${randomBytes(8).toString('hex')}.cnf`;
  const run = (program: string, args: readonly string[], stdin?: string): Promise<RunResult> => {
    const command = inContainer({ program, args }, options.container, { tools });
    const given = stdin === undefined ? {} : { stdin };
    return exec(command.program, command.args, { cwd: '/', timeoutMs: QUERY_TIMEOUT_MS, ...given });
  };
  try {
    await run('install', ['-m', '600', '/dev/stdin', file], `${secret}\n`);
    return await work(file);
  } finally {
    await run('rm', ['-f', file]).catch(() => {
      throw new BackupError('failed', `${containerEngine(tools)}: could not remove ${file} from ${options.container}.`);
    });
  }
}

/** The client writes tabs, line breaks and backslashes in values as `\t`, `\n` and `\\`. */
function unescaped(value: string): string {
  const meanings: Readonly<Record<string, string>> = { t: '\t', n: '\n', '0': '\0' };
  return value.replaceAll(/\\(.)/g, (_, letter: string) => meanings[letter] ?? letter);
}
