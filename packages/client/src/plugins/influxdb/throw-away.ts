// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { findProgram } from '@local-backup/common/find-program';
import { sleep } from '@local-backup/common/sleep';
import type { CopyContext } from '../../plugin-copy.ts';
import { giveToThrowAwayUser } from '../../plugin-tools/throw-away-user.ts';
import type { BackupContent } from './backup-content.ts';
import { type Ask, seriesOf } from './influxql.ts';
import { layOut } from './lay-out.ts';
import type { InfluxOptions } from './options.ts';

type Context = CopyContext<InfluxOptions>;

const SOCKET = 'influx.sock';
const CONFIG = 'influxd.conf';
const POLL_MS = 100;
const SMALL_TIMEOUT_MS = 30_000;

/** Last lines of its log that are kept, for the message. */
const SAID_LINES = 10;

/** An answer names measurements and numbers of theirs. */
const LARGEST_ANSWER = 64 * 1024 * 1024;

/**
 * It must open two ports, but nobody but us may reach it: it runs where there is no network, and is asked over a socket.
 * Nothing that a server does by itself may change the data: old ones would be dropped, for a copy may be months old.
 */
const SETTINGS = `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "meta"
[data]
  dir = "data"
  wal-dir = "wal"
  index-version = "inmem"
[http]
  bind-address = "127.0.0.1:0"
  unix-socket-enabled = true
  bind-socket = "${SOCKET}"
  auth-enabled = false
  log-enabled = false
[monitor]
  store-enabled = false
[retention]
  enabled = false
[shard-precreation]
  enabled = false
[continuous_queries]
  enabled = false
[subscriber]
  enabled = false
`;

/** A server that can be started here: the words before its program; or why there can be none. */
export type Ground = { readonly before: readonly string[] } | { readonly lacks: string };

/** What this machine has for a throw-away server of version 1. */
export async function findGround({ exec, signal }: Context): Promise<Ground> {
  if ((await findProgram('influxd')) === undefined) {
    return { lacks: 'influxd is not installed. Install the package influxdb (its service need not run).' };
  }
  const limits = { cwd: '/', timeoutMs: SMALL_TIMEOUT_MS, signal };
  const { stdout } = await exec('influxd', ['version'], { ...limits, accept: [0, 1] });
  if (!/\bv?1\.\d/.test(stdout))
    return { lacks: 'influxd is not of version 1. Install the package influxdb of Debian.' };
  // In the cage of a drill there is no network.
  if (Object.keys(networkInterfaces()).length === 0) return { before: [] };
  const { exitCode } = await exec('unshare', ['--net', '--', 'true'], { ...limits, accept: [0, 1] });
  if (exitCode === 0) return { before: ['unshare', '--net', '--'] };
  return { lacks: 'a throw-away influxd opens ports, which takes root (CAP_SYS_ADMIN) to keep others away from them' };
}

/** Starts a server with what is in a backup, asks it by `work`, and ends it, whatever happens. */
export async function withThrowAway<Result>(
  { backup, before }: { readonly backup: BackupContent; readonly before: readonly string[] },
  context: Context,
  work: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  const root = join(context.scratch, 'i');
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { mode: 0o700 });
  try {
    const account = await giveToThrowAwayUser(context.scratch, root);
    await layOut(backup, root, context);
    await writeFile(join(root, CONFIG), SETTINGS, { mode: 0o644 });
    return await serve([...before, ...become(account), 'influxd', '-config', CONFIG], { root, context }, work);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function serve<Result>(
  words: readonly string[],
  { root, context }: { readonly root: string; readonly context: Context },
  work: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  const { exec, options, signal } = context;
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  const said: string[] = [];
  const onLine = (line: string) => said.splice(0, Math.max(0, said.push(line) - SAID_LINES));
  const limits = { onLine, timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal: ending.signal };
  const [program = '', ...args] = words;
  const running = exec(program, args, { cwd: root, env: { HOME: root }, ...limits });
  const ended = running.then(
    () => Promise.reject(couldNotLoad('influxd ended by itself.', said)),
    (error: unknown) => Promise.reject(error instanceof BackupError ? couldNotLoad(error.message, said) : error),
  );
  try {
    const ask = askOver(join(root, SOCKET), ending.signal);
    return await Promise.race([answering(ask, ending.signal).then(() => work(ask)), ended]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    ending.abort(new BackupError('failed', 'done'));
    await running.catch(() => undefined);
  }
}

/** After `unshare`, which takes root. */
function become({ uid, gid }: { readonly uid?: number; readonly gid?: number }): readonly string[] {
  if (uid === undefined || gid === undefined) return [];
  return ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs', '--'];
}

/** It listens when all shards are open. */
async function answering(ask: Ask, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const series = await ask('SHOW DATABASES').catch(() => undefined);
    if (series !== undefined) return;
    await sleep(POLL_MS, signal);
  }
}

function askOver(socketPath: string, signal: AbortSignal): Ask {
  return async (text, database) => {
    const query = new URLSearchParams({ q: text, ...(database === undefined ? {} : { db: database }) });
    return seriesOf(await get(socketPath, `/query?${query}`, signal), 'the throw-away influxd');
  };
}

function get(socketPath: string, path: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const error = new BackupError('failed', `The throw-away influxd does not answer: ${cause.message}`, { cause });
      reject(signal.aborted ? signal.reason : error);
    };
    const asked = request({ socketPath, path, method: 'POST', signal }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > LARGEST_ANSWER) asked.destroy(new Error('its answer is too large'));
        else chunks.push(chunk);
      });
      answer.on('error', fail);
      answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    asked.on('error', fail).end();
  });
}

function couldNotLoad(message: string, said: readonly string[]): BackupError {
  return new BackupError('failed', `${message}${quoteLastLines(said.join('\n'), (text) => text)}`);
}
