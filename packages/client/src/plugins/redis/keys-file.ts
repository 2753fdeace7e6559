// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import type { Connection } from './connection.ts';
import { type DumpedKey, dumpKeys, findKeys, restoreCommand } from './keys.ts';
import { encodeCommand, type Reply, RespReader } from './resp.ts';

/*
 * A file of keys holds commands as a server takes them (`redis-cli --pipe` reads it, too): RESTORE for every key, sorted,
 * and at its end an ECHO with their number.
 */

const END = /^backup-client: end of (\d+) keys$/;

/**
 * Writes the keys of a database that patterns match. Mode 0600, whole or not at all.
 * @returns how many, and the patterns that match none
 */
export async function writeKeys(
  server: Connection,
  {
    file,
    database,
    patterns,
  }: { readonly file: string; readonly database: number; readonly patterns: readonly string[] },
): Promise<{ readonly keys: number; readonly missing: readonly string[] }> {
  await server.ask('SELECT', String(database));
  const { keys, missing } = await findKeys(server, patterns);
  const handle = await open(file, 'wx', 0o600);
  try {
    const count = await writeAll(handle, dumpKeys(server, keys));
    await handle.sync();
    return { keys: count, missing };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, keys: AsyncIterable<readonly DumpedKey[]>): Promise<number> {
  let count = 0;
  for await (const batch of keys) {
    await handle.appendFile(Buffer.concat(batch.map((key) => encodeCommand(restoreCommand(key)))));
    count += batch.length;
  }
  await handle.appendFile(encodeCommand(['ECHO', `backup-client: end of ${count} keys`]));
  return count;
}

/**
 * Reads such a file, which may be hostile: it is refused when there is anything else in it.
 * @throws BackupError `untrusted`, also where its end is missing
 */
export async function* readKeys(file: string): AsyncGenerator<DumpedKey> {
  const reader = new RespReader();
  let count = 0;
  let ended = false;
  for await (const chunk of createReadStream(file)) {
    for (const command of commandsIn(reader, chunk)) {
      if (ended) throw refused('there is something behind its end mark');
      const key = keyOf(command);
      ended = key === undefined;
      if (key === undefined) requireEnd(command, count);
      else yield key;
      count += 1;
    }
  }
  if (!ended || !reader.empty) throw refused('it ends before its end mark');
}

function commandsIn(reader: RespReader, chunk: Buffer): Reply[] {
  try {
    return reader.push(chunk);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
}

function keyOf(command: Reply): DumpedKey | undefined {
  const words = textsOf(command);
  const [name, key, expires, payload, ...flags] = words;
  if (name?.toString() !== 'RESTORE' || key === undefined || payload === undefined) return undefined;
  const at = expires?.toString() ?? '';
  const known = flags.length === 2 && flags[0]?.toString() === 'REPLACE' && flags[1]?.toString() === 'ABSTTL';
  return known && /^\d{1,16}$/.test(at) ? { key, payload, expiresAt: Number(at) } : undefined;
}

function requireEnd(command: Reply, keys: number): void {
  const [name, text, ...more] = textsOf(command);
  const count = END.exec(text?.toString('latin1') ?? '')?.[1];
  const isEnd = name?.toString() === 'ECHO' && more.length === 0 && count !== undefined;
  if (!isEnd) throw refused('it holds something else than keys');
  if (Number(count) !== keys) throw refused(`it has ${keys} keys, and was written with ${count}`);
}

function textsOf(command: Reply): readonly Buffer[] {
  return Array.isArray(command) && command.every((word) => Buffer.isBuffer(word)) ? command : [];
}

function refused(reason: string): BackupError {
  return new BackupError('untrusted', `The file of keys is not what this plugin writes: ${reason}.`);
}
