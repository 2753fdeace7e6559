// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';

/** Where a `kill -9` of this program leaves a client that goes on loading, it is found by a mark that nothing else has. */
export function newMark(): string {
  return `local-backup-${randomBytes(12).toString('hex')}`;
}

/**
 * What a marked connection says first: it takes a lock of that name, which nobody waits for, and which the server gives
 * back when the connection ends. The wait is for the connection before it, which may be ending still.
 */
export function markStatement(mark: string): string {
  return `DO GET_LOCK('${mark}', 60)`;
}

/** A connection that is ended takes back what it has begun; with large tables that takes its time. */
const END_TIMEOUT_MS = 30 * 60_000;
const PROCESS_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

interface Asked {
  query(sql: string): Promise<readonly (readonly string[])[]>;
}

/**
 * Ends the clients that an earlier process has left loading, and their connections; nothing is loaded any more when the promise
 * resolves. Clients first, so that none of them connects later.
 * @throws BackupError `failed` where they do not end
 */
export async function endLoaders(mark: string, server: Asked, signal: AbortSignal): Promise<void> {
  if (!/^[a-z0-9-]{20,64}$/.test(mark)) {
    throw new BackupError(
      'failed',
      'What was noted for undoing this restore is damaged: by it, a client that still loads would be found. See that none ' +
        'runs (SHOW PROCESSLIST), put the databases back from what was kept, and type: backup-client recover --done TYPE/NAME',
    );
  }
  await endClients(mark, signal);
  await endConnections(mark, server, signal);
}

async function endClients(mark: string, signal: AbortSignal): Promise<void> {
  for (const end = Date.now() + PROCESS_TIMEOUT_MS; ; await delay(POLL_MS, undefined, { signal })) {
    const clients = await markedProcesses(mark);
    if (clients.length === 0) return;
    if (Date.now() > end) {
      throw new BackupError('failed', `A client that is loading cannot be ended: process ${clients.join(', ')}.`);
    }
    for (const pid of clients) killQuietly(pid);
  }
}

async function endConnections(mark: string, server: Asked, signal: AbortSignal): Promise<void> {
  for (const end = Date.now() + END_TIMEOUT_MS; ; await delay(POLL_MS, undefined, { signal })) {
    const [[connection = 'NULL'] = []] = await server.query(`SELECT IS_USED_LOCK('${mark}')`);
    if (!/^\d+$/.test(connection)) return;
    if (Date.now() > end) {
      throw new BackupError('failed', `The server does not end connection ${connection}, which was loading.`);
    }
    await server.query(`KILL ${connection}`).catch(ignoreEnded);
  }
}

/** ER_NO_SUCH_THREAD: it has ended by itself. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof BackupError) || !/\b1094\b/.test(error.message)) throw error;
}

/** Processes that have the mark among their arguments; those that have ended, but are not yet reaped, have none. */
async function markedProcesses(mark: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const words = await readFile(join('/proc', name, 'cmdline'), 'latin1').catch(() => '');
    if (words.includes(mark)) found.push(Number(name));
  }
  return found;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
