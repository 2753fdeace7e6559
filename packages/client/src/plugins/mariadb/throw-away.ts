// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions } from '@local-backup/common/exec';
import type { CopyContext } from '../../plugin-copy.ts';

/** On every Unix; owns no files, so that a hostile dump can reach none, least of all those of a real server. */
const NOBODY = 65_534;

const START_TIMEOUT_MS = 5 * 60_000;
const QUERY_TIMEOUT_MS = 60 * 60_000;
const POLL_MS = 100;
/** Each load has its own, lower limit; this one is for a server that nobody ended. */
const SERVER_TIMEOUT_MS = 7 * 24 * 60 * 60_000;

/** Directories of a place; `none` stays empty. */
const PARTS = ['data', 'tmp', 'none'];

type Context = Pick<CopyContext, 'exec' | 'signal' | 'scratch'>;

/** Where a throw-away server lives. */
export interface Place {
  readonly directory: string;
  /** Options of `exec` for what is started in it: an unprivileged account. */
  readonly as: Pick<RunOptions, 'uid' | 'gid' | 'cwd' | 'env'>;
  /** Owner of what the server writes to. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Rows of a query, as the client prints them. */
export type Query = (sql: string) => Promise<readonly (readonly string[])[]>;

/**
 * Makes the place of a throw-away server in the scratch directory.
 * @throws BackupError `failed` where the account of the server cannot get there
 */
export async function makePlace(scratch: string, name = 'm'): Promise<Place> {
  const directory = join(scratch, name);
  await mkdir(directory, { mode: 0o700 });
  for (const part of PARTS) await mkdir(join(directory, part), { mode: 0o700 });
  const env = { HOME: directory, TMPDIR: join(directory, 'tmp') };
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return { directory, as: { cwd: directory, env }, owner: own };
  await chmod(scratch, 0o711);
  for (const part of ['', ...PARTS]) await chown(join(directory, part), NOBODY, NOBODY);
  for (let path = scratch; path !== '/'; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) !== 0) continue;
    const advice = `Allow passing through it (chmod o+x ${path}), or choose another work directory.`;
    throw new BackupError('failed', `The throw-away server runs as nobody, who cannot enter ${path}. ${advice}`);
  }
  const ids = { uid: NOBODY, gid: NOBODY };
  return { directory, as: { ...ids, cwd: directory, env }, owner: ids };
}

/** Options that every throw-away server gets, of MariaDB or of MySQL. */
export function commonArgs(directory: string): string[] {
  return [
    ...['--no-defaults', `--datadir=${join(directory, 'data')}`, `--socket=${join(directory, 's')}`],
    ...['--skip-networking', `--pid-file=${join(directory, 'pid')}`, `--tmpdir=${join(directory, 'tmp')}`],
    // Nothing outside: no files of the host, no plugins, no events.
    ...[`--secure-file-priv=${join(directory, 'none')}`, `--plugin-dir=${join(directory, 'none')}`, '--local-infile=0'],
    ...['--event-scheduler=OFF', '--skip-log-bin'],
    // It is thrown away: nothing has to survive a crash.
    ...['--innodb-flush-log-at-trx-commit=0', '--skip-innodb-doublewrite', '--innodb-fast-shutdown=2'],
    ...['--innodb-buffer-pool-size=128M', '--max-allowed-packet=1G', '--net-read-timeout=3600'],
  ];
}

/** No tables elsewhere: the default of MySQL, which does not take the option any more. */
export const MARIADB_ARGS = ['--skip-symbolic-links'];

/** The first words of the client for a throw-away server. */
export function scratchLogin({ directory }: Place, user: string): string[] {
  return ['--no-defaults', `--socket=${join(directory, 's')}`, `--user=${user}`];
}

/** Asks a throw-away server as one of its accounts. */
export function queryWith(
  client: string,
  user: string,
  { exec, signal, place }: Context & { readonly place: Place },
): Query {
  return async (sql) => {
    const rows: string[][] = [];
    const format = ['--batch', '--skip-column-names', '--default-character-set=utf8mb4'];
    const args = [...scratchLogin(place, user), ...format, `--execute=${sql}`];
    const onLine = (line: string) => rows.push(line.split('\t'));
    await exec(client, args, { ...place.as, timeoutMs: QUERY_TIMEOUT_MS, signal, onLine });
    return rows;
  };
}

/**
 * Starts a server, does the work once it answers, and ends it in any case.
 * @throws BackupError `failed` where it cannot be started, or ends before its time
 */
export async function withRunning<Result>(
  { program, args, query }: { readonly program: string; readonly args: readonly string[]; readonly query: Query },
  { exec, signal, place }: Context & { readonly place: Place },
  work: () => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  // Nothing in it is needed any more: it is killed at once.
  const limits = { timeoutMs: SERVER_TIMEOUT_MS, killAfterMs: 200, signal: ending.signal };
  const running = exec(program, args, { ...place.as, ...limits }).then(
    () => new BackupError('failed', 'The throw-away server ended by itself.'),
    (error: unknown) => error,
  );
  try {
    await untilReady(query, running, signal);
    return await Promise.race([work(), failing(running, signal)]);
  } finally {
    signal.removeEventListener('abort', end);
    end();
    await running;
  }
}

async function untilReady(query: Query, running: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const ended = running.then((error) => ({ error }));
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    signal.throwIfAborted();
    const tried = await Promise.race([ended, query('SELECT 1').then(undefined, () => undefined)]);
    if (Array.isArray(tried)) return;
    if (tried !== undefined && 'error' in tried) throw startFailure(tried.error);
    await delay(POLL_MS);
  }
  throw new BackupError('failed', 'The throw-away server did not answer in time.');
}

/** Never resolves: rejects when the server ends before its time. */
async function failing(running: Promise<unknown>, signal: AbortSignal): Promise<never> {
  const error = await running;
  signal.throwIfAborted();
  throw startFailure(error);
}

function startFailure(error: unknown): unknown {
  if (!(error instanceof BackupError)) return error;
  return new BackupError('failed', `The throw-away server failed: ${error.message}`, { cause: error });
}
