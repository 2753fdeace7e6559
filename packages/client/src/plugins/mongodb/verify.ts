// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { readArchive, serverVersionOf } from './archive.ts';
import type { MongodbOptions } from './options.ts';
import { placeOf, readSaved, type SavedArchive } from './record.ts';
import { lackFor, withThrowAway } from './throw-away.ts';

type Context = CopyContext<MongodbOptions>;

/** `quick`: every archive is read to its end, its documents are counted. `full`: a throw-away server loads them all. */
export async function verify(context: Context): Promise<readonly Check[]> {
  const saved = await readSaved(context.copy);
  const checks: Check[] = [];
  for (const one of saved) checks.push(await verifyArchive(one, context));
  if (context.level === 'quick' || checks.some(({ status }) => status === 'failed')) return checks;
  return [...checks, { name: 'mongodb: loading', ...(await load(saved, context)) }];
}

type Verdict = Omit<Check, 'name'>;

async function load(saved: readonly SavedArchive[], context: Context): Promise<Verdict> {
  try {
    const files: { readonly file: string; readonly database: string | undefined }[] = [];
    for (const { database } of saved) {
      files.push({ file: await fileInCopy(context.copy, placeOf(database)), database: database ?? undefined });
    }
    const lack = await lackFor(await serverVersionOf(files[0]?.file ?? ''), context);
    if (lack !== undefined) return { status: 'skipped', message: lack };
    return await withThrowAway(context, async (server) => {
      for (const { file, database } of files) await server.load(file, database);
      // Read by the server again, every one of them: its own numbers may come from its notes.
      const again = join(context.scratch, 'again.archive');
      await server.dump(again);
      const found = await readArchive(again);
      await rm(again);
      return judgeLoaded(found, new Map(saved.flatMap(({ collections }) => collections)));
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { status: 'failed', message: error.message };
  }
}

/** Collections that every server keeps for itself: there may be others in a new one. `system.buckets` are time series. */
const OWN = /^(?:admin|config|local)\.|^[^.]*\.system\.(?!buckets\.)/;

function judgeLoaded(found: ReadonlyMap<string, number>, all: ReadonlyMap<string, number>): Verdict {
  const expected = new Map([...all].filter(([name]) => !OWN.test(name)));
  const differences = differencesOf(found, expected, [...expected.keys()]);
  if (differences.length > 0) return { status: 'failed', message: differences.slice(0, NAMED).join('; ') };
  const documents = [...expected.values()].reduce((sum, count) => sum + count, 0);
  return { status: 'ok', message: `loads, ${expected.size} collections, ${documents} documents` };
}

/** How many differences a message names. */
const NAMED = 10;

function differencesOf(
  found: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
  names: readonly string[],
): readonly string[] {
  return names
    .filter((collection) => found.get(collection) !== expected.get(collection))
    .map(
      (collection) =>
        `${showControls(collection)}: ${found.get(collection) ?? 'no'} documents, ${expected.get(collection) ?? 'none'} when saved`,
    );
}

async function verifyArchive({ database, collections }: SavedArchive, context: Context): Promise<Check> {
  const name = showControls(placeOf(database));
  try {
    const found = await readArchive(await fileInCopy(context.copy, placeOf(database)));
    const expected = new Map(collections);
    const names = [...new Set([...expected.keys(), ...found.keys()])];
    const differences = differencesOf(found, expected, names);
    if (differences.length > 0) return { name, status: 'failed', message: differences.slice(0, NAMED).join('; ') };
    const documents = [...found.values()].reduce((sum, count) => sum + count, 0);
    return { name, status: 'ok', message: `whole, ${found.size} collections, ${documents} documents` };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: error.message };
  }
}
