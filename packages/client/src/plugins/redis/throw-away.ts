// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { sleep } from '@local-backup/common/sleep';
import type { CopyContext } from '../../plugin-copy.ts';
import { giveToThrowAwayUser } from '../../plugin-tools/throw-away-user.ts';
import { Connection } from './connection.ts';
import type { Flavoured, RedisOptions } from './options.ts';
import { firstProgram, infoOf } from './server.ts';

export type LoadContext = Flavoured<CopyContext<RedisOptions>>;

const SOCKET = 'redis.sock';
const DATA = 'load.rdb';

/** A socket appears in milliseconds; this machine may be busy. */
const POLL_MS = 50;

/** Last lines of its log that are kept, for the message. */
const SAID_LINES = 10;

/** Data take two to five times the bytes of their RDB file (measured by redis.io, "memory optimization"). */
const MEMORY_FACTOR = 3;

/**
 * What this machine lacks for a throw-away server with these data; undefined: nothing.
 */
export async function lackFor(file: string | undefined, { flavour }: LoadContext): Promise<string | undefined> {
  if ((await firstProgram(flavour.server)) === undefined) {
    return `${flavour.server[0]} is not installed. Install the package ${flavour.serverPackage} (its service need not run).`;
  }
  if (file === undefined) return undefined;
  const needed = (await stat(file)).size * MEMORY_FACTOR;
  const available = await availableMemory();
  if (needed <= available) return undefined;
  return `not enough free memory to load it: some ${megabytes(needed)}, of ${megabytes(available)} that are free`;
}

/**
 * Starts a server that listens on a socket alone, writes nothing, and runs as an account that owns nothing; it ends with
 * `work`, whatever happens.
 * @param rdb file that it loads; undefined: it is empty
 * @throws BackupError `failed` where the server cannot load the file, with what it said
 */
export async function withThrowAway<Result>(
  rdb: string | undefined,
  context: LoadContext,
  work: (server: Connection) => Promise<Result>,
): Promise<Result> {
  const { scratch, exec, options, signal } = context;
  const data = join(scratch, DATA);
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (rdb !== undefined) await copyFile(rdb, data, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    if (rdb !== undefined) await chmod(data, 0o600);
    const account = await giveToThrowAwayUser(scratch, ...(rdb === undefined ? [] : [data]));
    const program = (await firstProgram(context.flavour.server)) ?? context.flavour.server[0];
    const said: string[] = [];
    const onLine = (line: string) => said.splice(0, Math.max(0, said.push(line) - SAID_LINES));
    const limits = { onLine, timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal: ending.signal };
    const running = exec(program, serverArgs(rdb !== undefined), { cwd: scratch, ...account, ...limits });
    const ended = running.then(
      () => Promise.reject(couldNotLoad(`${program} ended by itself.`, said)),
      (error: unknown) => Promise.reject(error instanceof BackupError ? couldNotLoad(error.message, said) : error),
    );
    try {
      return await Promise.race([connected(context, ending.signal).then((server) => using(server, work)), ended]);
    } finally {
      ending.abort(new BackupError('failed', 'done'));
      await running.catch(() => undefined);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await rm(data, { force: true });
    await rm(join(scratch, SOCKET), { force: true });
  }
}

/**
 * As a replica of nobody it keeps keys whose time has come, and so has as many as were saved. Every value is looked
 * through when it is loaded: the file may be hostile.
 */
function serverArgs(loads: boolean): string[] {
  const closed = ['--port', '0', '--unixsocket', `./${SOCKET}`, '--unixsocketperm', '700', '--daemonize', 'no'];
  const files = ['--save', '', '--appendonly', 'no', '--dir', '.', '--dbfilename', DATA];
  const replica = loads ? ['--replicaof', '127.0.0.1', '1'] : [];
  return [...closed, ...files, '--databases', '10000', '--sanitize-dump-payload', 'yes', ...replica];
}

async function connected(context: LoadContext, signal: AbortSignal): Promise<Connection> {
  const path = join(context.scratch, SOCKET);
  for (;;) {
    signal.throwIfAborted();
    if ((await lstat(path).catch(() => undefined)) !== undefined) {
      const title = `the throw-away ${context.flavour.title} server`;
      const server = await Connection.open({ title, address: { path } }, signal).catch(() => undefined);
      if (server !== undefined && (await isLoaded(server))) return server;
      server?.close();
    }
    await sleep(POLL_MS, signal);
  }
}

async function isLoaded(server: Connection): Promise<boolean> {
  return (await infoOf(server).catch(() => undefined))?.get('loading') === '0';
}

async function using<Result>(server: Connection, work: (server: Connection) => Promise<Result>): Promise<Result> {
  try {
    return await work(server);
  } finally {
    server.close();
  }
}

async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.POSITIVE_INFINITY) * 1024;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_000_000)} MB`;
}

function couldNotLoad(message: string, said: readonly string[]): BackupError {
  return new BackupError('failed', `${message}${quoteLastLines(said.join('\n'), (text) => text)}`);
}
