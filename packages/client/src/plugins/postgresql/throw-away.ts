// SPDX-License-Identifier: AGPL-3.0-or-later
import { chown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { CopyContext } from '../../plugin-copy.ts';
import { type Account, findAccount } from './account.ts';
import type { PostgresqlOptions } from './options.ts';
import { ask, type Server } from './server.ts';

type Context = CopyContext<PostgresqlOptions>;

/** Where Debian has the programs of servers, by version. */
const VERSIONS = '/usr/lib/postgresql';

/**
 * Not postgres, whom the real server of this machine lets in as a superuser: what a hostile dump may do, it does as
 * somebody who has nothing.
 */
const UNPRIVILEGED = 'nobody';

/** Its superuser; no dump is loaded as that one. */
const ADMIN = 'local_backup_admin';

/** The role that dumps are loaded as: no superuser, so that no `COPY ... TO PROGRAM` works. */
export const LOADER = 'local_backup_loader';

const START_TIMEOUT_MS = 120_000;
const POLL_MS = 100;

/** A server of its own, for as long as dumps are checked. */
export interface ThrowAway {
  readonly admin: Server;
  readonly loader: Server;
}

/** Where the programs are and who runs them; or why there can be none on this machine. */
export type Ground = { readonly programs: string; readonly account: Account | undefined } | { readonly lacks: string };

/**
 * What a throw-away server needs.
 * @param serverNumber the newest version that a dump comes from, as `150004`
 */
export async function findGround(context: Context, serverNumber: number): Promise<Ground> {
  const wanted = Math.floor(serverNumber / 10_000);
  const versions = await readdir(VERSIONS).catch((): string[] => []);
  const fitting = versions.filter((version) => Number(version) >= wanted).sort((a, b) => Number(b) - Number(a));
  for (const version of fitting) {
    const programs = join(VERSIONS, version, 'bin');
    const found = await Promise.all(
      ['initdb', 'postgres', 'psql', 'pg_restore'].map((name) => findProgram(join(programs, name))),
    );
    if (found.every((file) => file !== undefined)) return enterable(context, programs);
  }
  return {
    lacks: `no PostgreSQL server of version ${wanted} or newer is here: install the Debian package postgresql-${wanted}`,
  };
}

async function enterable(context: Context, programs: string): Promise<Ground> {
  if (process.getuid?.() !== 0) return { programs, account: undefined };
  const account = await findAccount(UNPRIVILEGED, context);
  if (account === undefined) return { lacks: `there is no account ${UNPRIVILEGED} to run a throw-away server as` };
  const { scratch, exec, signal } = context;
  await chown(scratch, account.uid, account.gid);
  const who = { uid: account.uid, gid: account.gid };
  const { exitCode } = await exec('test', ['-x', join(scratch, '.')], {
    cwd: '/',
    accept: [0, 1],
    timeoutMs: 30_000,
    signal,
    ...who,
  });
  if (exitCode === 0) return { programs, account };
  return { lacks: `${UNPRIVILEGED} cannot enter ${scratch}: a directory above it is closed to others` };
}

/**
 * Makes a server in the scratch directory that listens on a socket there and nowhere else, and ends it again, whatever
 * happens.
 */
export async function withThrowAway<Result>(
  context: Context,
  { programs, account }: Exclude<Ground, { lacks: string }>,
  work: (server: ThrowAway) => Promise<Result>,
): Promise<Result> {
  const data = join(context.scratch, 'data');
  const who = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  const common = { cwd: '/', env: { HOME: context.scratch }, ...who };
  const limits = { timeoutMs: START_TIMEOUT_MS, signal: context.signal };
  await context.exec(join(programs, 'initdb'), initArguments(data), { ...common, ...limits });
  const stop = new AbortController();
  const running = context.exec(join(programs, 'postgres'), serverArguments(data, context.scratch), {
    ...common,
    timeoutMs: context.options.timeout,
    signal: stop.signal,
    // Fast shutdown: it does not wait for those who are connected.
    endSignal: 'SIGINT',
  });
  const onAbort = () => stop.abort();
  context.signal.addEventListener('abort', onAbort);
  const ended = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    const server = (user: string) => serverIn(context, { programs, account, user });
    await waitUntilReady(server(ADMIN), ended);
    return await work({ admin: server(ADMIN), loader: server(LOADER) });
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    stop.abort();
    await ended;
  }
}

function initArguments(data: string): string[] {
  return [`--pgdata=${data}`, `--username=${ADMIN}`, '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
}

/** Nothing in it has to survive anything, and nobody can reach it but over the socket. */
function serverArguments(data: string, socketDirectory: string): string[] {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0700',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    autovacuum: 'off',
    max_connections: '10',
  };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

interface Login {
  readonly programs: string;
  readonly account: Account | undefined;
  readonly user: string;
}

/** The login of the task belongs to another server: nothing of it is used. */
function serverIn(context: Context, { programs, account, user }: Login): Server {
  const { hostname: _, username: __, port: ___, container: ____, passfile: _____, ...rest } = context.options;
  const options = { ...rest, host: context.scratch, user };
  const tools = { ...context.tools, pg_dump: [join(programs, 'pg_dump')] };
  return { context: { ...context, options, tools }, account };
}

async function waitUntilReady(server: Server, ended: Promise<unknown>): Promise<void> {
  let over: { readonly error: unknown } | undefined;
  void ended.then((error) => {
    over = { error };
  });
  const until = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await ask(server, 'postgres', 'select 1');
      return;
    } catch (error) {
      server.context.signal.throwIfAborted();
      if (over !== undefined) throw over.error ?? new BackupError('failed', 'The throw-away server ended at once.');
      if (Date.now() > until) throw error;
    }
    await delay(POLL_MS);
  }
}
