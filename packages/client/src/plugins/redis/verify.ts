// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Check } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import type { Connection } from './connection.ts';
import { type DumpedKey, restoreKeys } from './keys.ts';
import { readKeys } from './keys-file.ts';
import { rdbComplaint } from './rdb-file.ts';
import { dataOf, readSaved, type Saved } from './record.ts';
import { infoOf, keyspaceOf } from './server.ts';
import { type LoadContext, lackFor, withThrowAway } from './throw-away.ts';

/** How many values are sent at once. */
const BATCH = 32;

/** `quick`: the whole file is read, its end and checksum are looked at. `full`: a throw-away server loads it, keys are counted. */
export async function verify(context: LoadContext): Promise<readonly Check[]> {
  const saved = await readSaved(context.copy, context.flavour);
  const name = dataOf(saved, context.flavour);
  try {
    const file = await fileInCopy(context.copy, name);
    const quick = saved.kind === 'rdb' ? await lookAtRdb(file) : await lookAtKeys(file, saved);
    if (quick.status !== 'ok' || context.level === 'quick') return [{ name, ...quick }];
    return [{ name, ...(await load(file, saved, context)) }];
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name, status: 'failed', message: error.message }];
  }
}

type Verdict = Omit<Check, 'name'>;

async function lookAtRdb(file: string): Promise<Verdict> {
  const complaint = await rdbComplaint(file);
  return complaint === undefined
    ? { status: 'ok', message: 'whole, checksum right' }
    : { status: 'failed', message: complaint };
}

async function lookAtKeys(file: string, { keys }: Saved): Promise<Verdict> {
  let count = 0;
  for await (const _key of readKeys(file)) count += 1;
  return judge(count, keys, `whole, ${count} keys`);
}

async function load(file: string, saved: Saved, context: LoadContext): Promise<Verdict> {
  const lack = await lackFor(file, context);
  if (lack !== undefined) return { status: 'skipped', message: lack };
  return withLoaded(file, saved, context, async (server, expired) => {
    const databases = [...keyspaceOf(await infoOf(server)).values()];
    const count = databases.reduce((sum, keys) => sum + keys, expired);
    return judge(count, saved.keys, `loads, ${count} keys in ${databases.length} databases`);
  });
}

/** A throw-away server with what was saved. `expired`: keys whose time has come, and that are not in it. */
export async function withLoaded<Result>(
  file: string,
  { kind, database = 0 }: Pick<Saved, 'kind' | 'database'>,
  context: LoadContext,
  work: (server: Connection, expired: number) => Promise<Result>,
): Promise<Result> {
  if (kind === 'rdb') return withThrowAway(file, context, (server) => work(server, 0));
  return withThrowAway(undefined, context, async (server) => {
    await server.ask('SELECT', String(database));
    let sent = 0;
    let batch: DumpedKey[] = [];
    const send = async () => {
      await restoreKeys(server, batch);
      sent += batch.length;
      batch = [];
    };
    for await (const key of readKeys(file)) if (batch.push(key) >= BATCH) await send();
    await send();
    const there = await server.ask('DBSIZE');
    return work(server, sent - (typeof there === 'number' ? there : 0));
  });
}

function judge(found: number, expected: number | null, message: string): Verdict {
  if (expected === null) return { status: 'ok', message: `${message} (nobody counted them when they were saved)` };
  if (found === expected) return { status: 'ok', message };
  return { status: 'failed', message: `${found} keys, ${expected} when it was saved` };
}
