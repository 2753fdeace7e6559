// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Connection } from './connection.ts';
import { dumpKeys, findKeys, restoreKeys, scan } from './keys.ts';
import { ReplyError } from './resp.ts';
import { infoOf, keyspaceOf } from './server.ts';

/** The version of what DUMP gives stands before its checksum. */
const FOOTER_BYTES = 10;

/** Of Redis 5 and 6, which know no functions. */
const OLD_VERSION = 9;

/** Version of the values that a server gives and takes; it takes older ones, too. */
export async function formatOf(server: Connection): Promise<number> {
  const functions = await functionsOf(server);
  return functions === undefined ? OLD_VERSION : functions.readUInt16LE(functions.length - FOOTER_BYTES);
}

/** Makes a server hold exactly the data of another one, functions included. */
export async function replaceAll(from: Connection, to: Connection): Promise<number> {
  const functions = await functionsOf(from);
  await to.ask('FLUSHALL');
  if (functions !== undefined) await to.ask('FUNCTION', 'RESTORE', functions, 'FLUSH');
  let count = 0;
  for (const database of keyspaceOf(await infoOf(from)).keys()) count += await copyDatabase(from, to, database);
  return count;
}

/** Makes the keys of a database that patterns match exactly those that another server has. */
export async function replaceKeys(
  from: Connection,
  to: Connection,
  { database, patterns }: { readonly database: number; readonly patterns: readonly string[] },
): Promise<number> {
  await to.ask('SELECT', String(database));
  const { keys } = await findKeys(to, patterns);
  for (const key of keys) await to.ask('DEL', key);
  return copyDatabase(from, to, database);
}

async function copyDatabase(from: Connection, to: Connection, database: number): Promise<number> {
  await from.ask('SELECT', String(database));
  await to.ask('SELECT', String(database));
  let count = 0;
  for await (const keys of scan(from)) {
    for await (const batch of dumpKeys(from, keys)) {
      await restoreKeys(to, batch);
      count += batch.length;
    }
  }
  return count;
}

/** Undefined where the server knows no functions. */
async function functionsOf(server: Connection): Promise<Buffer | undefined> {
  const [reply] = await server.askAll([['FUNCTION', 'DUMP']]);
  if (Buffer.isBuffer(reply) && reply.length >= FOOTER_BYTES) return reply;
  if (reply instanceof ReplyError && /unknown command/i.test(reply.message)) return undefined;
  const said = reply instanceof ReplyError ? reply.message : 'no answer';
  throw new BackupError('failed', `${server.title}: FUNCTION DUMP: ${said}`);
}
