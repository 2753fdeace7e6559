// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { findProgram } from '@local-backup/common/find-program';
import { sleep } from '@local-backup/common/sleep';
import type { CopyContext } from '../../plugin-copy.ts';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import { giveToThrowAwayUser } from '../../plugin-tools/throw-away-user.ts';
import type { MongodbOptions } from './options.ts';

type Context = CopyContext<MongodbOptions>;

/** A server with nothing in it, for as long as an archive is tried. */
export interface ThrowAway {
  /** @param database to load alone; undefined: all that the archive holds, but for the databases of a server itself */
  readonly load: (file: string, database: string | undefined) => Promise<void>;
  /** All that it holds, as an archive. */
  readonly dump: (file: string) => Promise<void>;
}

const PROGRAMS = [
  ['mongod', 'mongodb-org-server of MongoDB (its service need not run)'],
  ['mongorestore', 'mongodb-database-tools of MongoDB'],
  ['mongodump', 'mongodb-database-tools of MongoDB'],
] as const;

const POLL_MS = 100;
const SMALL_TIMEOUT_MS = 30_000;

/** Last lines of its log that are kept, for the message. */
const SAID_LINES = 10;

/** The name of its socket, after the port that it does not open. */
const SOCKET = 'mongodb-27017.sock';

/**
 * What this machine lacks for a throw-away server; undefined: nothing.
 * @param version of the server that the archive comes from, as `7.0.5`; undefined: any will do
 */
export async function lackFor(version: string | undefined, { exec, signal }: Context): Promise<string | undefined> {
  for (const [program, from] of PROGRAMS) {
    if ((await findProgram(program)) === undefined) return `${program} is not installed. Install the package ${from}.`;
  }
  const { stdout } = await exec('mongod', ['--version'], { cwd: '/', timeoutMs: SMALL_TIMEOUT_MS, signal });
  const own = majorOf(/db version v(\S+)/.exec(stdout)?.[1]);
  const wanted = majorOf(version);
  if (own === undefined || wanted === undefined || own >= wanted) return undefined;
  return `mongod is of version ${own}, older than the server (${wanted}) that was saved. Install a newer one.`;
}

/** `7.0` as a number to compare: 7.0. Before 5.0, versions counted in steps of 0.2. */
function majorOf(version: string | undefined): number | undefined {
  const text = /^v?(\d+\.\d+)/.exec(version ?? '')?.[1];
  return text === undefined ? undefined : Number(text);
}

/**
 * Starts a server that listens on sockets in a directory alone, as an account that owns nothing; it ends with `work`, whatever
 * happens. Documents whose time has come stay in it: the copy may be months old.
 */
export async function withThrowAway<Result>(
  context: Context,
  work: (server: ThrowAway) => Promise<Result>,
): Promise<Result> {
  const { scratch, exec, options, signal } = context;
  const root = join(scratch, 'm');
  await mkdir(join(root, 'data'), { recursive: true, mode: 0o700 });
  const account = await giveToThrowAwayUser(scratch, root, join(root, 'data'));
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  const said: string[] = [];
  const onLine = (line: string) => said.splice(0, Math.max(0, said.push(line) - SAID_LINES));
  const limits = { timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal: ending.signal };
  const common = { cwd: '/', env: { HOME: root }, ...account, ...limits };
  const running = exec('mongod', serverArgs(root), { ...common, onLine });
  const ended = running.then(
    () => Promise.reject(ownEnd('mongod ended by itself.', said)),
    (error: unknown) => Promise.reject(error instanceof BackupError ? ownEnd(error.message, said) : error),
  );
  const server = serverAt(join(root, SOCKET), { exec, common });
  try {
    return await Promise.race([listening(join(root, SOCKET), ending.signal).then(() => work(server)), ended]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    ending.abort(new BackupError('failed', 'done'));
    await running.catch(() => undefined);
    await rm(root, { recursive: true, force: true });
  }
}

/** With a path as its only address it opens no port; the other socket is the one that has a name of its own. */
function serverArgs(root: string): string[] {
  const listens = [`--bind_ip=${root}/own.sock`, `--unixSocketPrefix=${root}`, '--port=27017'];
  const still = ['--setParameter=ttlMonitorEnabled=false', '--setParameter=diagnosticDataCollectionEnabled=false'];
  return [`--dbpath=${root}/data`, ...listens, ...still, '--wiredTigerCacheSizeGB=0.25', '--quiet'];
}

/** What belongs to a server itself is not for another one, of another version perhaps. */
const NOT_OWN = ['admin', 'config', 'local'].map((database) => `--nsExclude=${database}.*`);

interface Calling {
  readonly exec: Context['exec'];
  readonly common: Parameters<Context['exec']>[2];
}

function serverAt(socket: string, { exec, common }: Calling): ThrowAway {
  const uri = `--uri=mongodb://${encodeURIComponent(socket)}`;
  return {
    load: async (file, database) => {
      const input = await open(file);
      const chosen = database === undefined ? NOT_OWN : [`--nsInclude=${database}.*`];
      try {
        await exec('mongorestore', [uri, ...chosen, '--archive'], { ...common, stdin: input.fd });
      } finally {
        await input.close();
      }
    },
    dump: async (file) => {
      await dumpToFile({ file, program: 'mongodump', args: [uri, '--archive'], exec, options: common });
    },
  };
}

async function listening(socket: string, signal: AbortSignal): Promise<void> {
  while ((await lstat(socket).catch(() => undefined)) === undefined) await sleep(POLL_MS, signal);
}

function ownEnd(message: string, said: readonly string[]): BackupError {
  return new BackupError('failed', `${message}${quoteLastLines(said.join('\n'), (text) => text)}`);
}
