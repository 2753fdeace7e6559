// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Connection } from './connection.ts';
import { type Reply, ReplyError } from './resp.ts';

/** A key with its value, as the command DUMP gives it. */
export interface DumpedKey {
  readonly key: Buffer;
  readonly payload: Buffer;
  /** Milliseconds since 1970; 0: never. */
  readonly expiresAt: number;
}

/** How many keys the server is asked for at once, and how many of their values are in memory. */
const SCAN_COUNT = '1000';
const BATCH = 32;

/** Names of keys are held in memory, to sort them: some 100 MB for so many. */
const MOST_KEYS = 1_000_000;

/** The keys of the chosen database that patterns match, sorted, each once. */
export async function findKeys(
  server: Connection,
  patterns: readonly string[],
): Promise<{ readonly keys: readonly Buffer[]; readonly missing: readonly string[] }> {
  const found = new Set<string>();
  const missing: string[] = [];
  for (const pattern of patterns) {
    let any = false;
    for await (const keys of scan(server, pattern)) {
      any ||= keys.length > 0;
      for (const key of keys) found.add(key.toString('latin1'));
      if (found.size > MOST_KEYS) {
        throw new BackupError(
          'failed',
          `\`keys\` match more than ${MOST_KEYS} keys. Leave them out, to save all data.`,
        );
      }
    }
    if (!any) missing.push(pattern);
  }
  return { keys: [...found].sort().map((key) => Buffer.from(key, 'latin1')), missing };
}

/** All keys of the chosen database, some at a time; one may come twice. */
export async function* scan(server: Connection, pattern?: string): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    const match = pattern === undefined ? [] : ['MATCH', pattern];
    const reply = await server.ask('SCAN', cursor, ...match, 'COUNT', SCAN_COUNT);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    if (!Buffer.isBuffer(next) || !Array.isArray(keys)) throw new BackupError('failed', `${server.title}: odd SCAN.`);
    cursor = next.toString();
    yield keys.filter((key): key is Buffer => Buffer.isBuffer(key));
  } while (cursor !== '0');
}

/** The values of keys, some at a time; those that are gone meanwhile are left out. */
export async function* dumpKeys(server: Connection, keys: readonly Buffer[]): AsyncGenerator<readonly DumpedKey[]> {
  for (let start = 0; start < keys.length; start += BATCH) {
    const batch = keys.slice(start, start + BATCH);
    const values = await server.askAll(batch.map((key) => ['DUMP', key]));
    const times = await expiryTimes(server, batch);
    yield batch.flatMap((key, index): DumpedKey[] => {
      const payload = accept(server, values[index] ?? null);
      const expiresAt = times[index];
      if (!Buffer.isBuffer(payload) || expiresAt === undefined) return [];
      return [{ key, payload, expiresAt }];
    });
  }
}

/** When keys end, 0: never; undefined for one that is gone. */
async function expiryTimes(server: Connection, keys: readonly Buffer[]): Promise<readonly (number | undefined)[]> {
  const exact = await server.askAll(keys.map((key) => ['PEXPIRETIME', key]));
  // Before Redis 7 there is only the time that is left.
  const told = exact.every((reply) => typeof reply === 'number');
  const replies = told ? exact : await server.askAll(keys.map((key) => ['PTTL', key]));
  const since = told ? 0 : Date.now();
  return replies.map((reply) => {
    const time = accept(server, reply);
    // -1: never; -2: gone since DUMP.
    if (typeof time !== 'number' || time === -2) return undefined;
    return time < 0 ? 0 : since + time;
  });
}

/** The command that puts a key in place, whatever is there. */
export function restoreCommand({ key, payload, expiresAt }: DumpedKey): readonly (string | Buffer)[] {
  return ['RESTORE', key, String(expiresAt), payload, 'REPLACE', 'ABSTTL'];
}

/** @throws BackupError `failed` that names the first key that the server refuses */
export async function restoreKeys(server: Connection, keys: readonly DumpedKey[]): Promise<void> {
  const replies = await server.askAll(keys.map(restoreCommand));
  for (const [index, reply] of replies.entries()) {
    if (!(reply instanceof ReplyError)) continue;
    const name = showControls(keys[index]?.key.toString('utf8') ?? '').slice(0, 200);
    throw new BackupError('failed', `${server.title} refuses the key ${name}: ${reply.message}`);
  }
}

function accept(server: Connection, reply: Reply): Reply {
  if (!(reply instanceof ReplyError)) return reply;
  throw new BackupError('failed', `${server.title}: ${reply.message}`);
}
