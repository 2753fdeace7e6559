// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { readArchive } from './archive.ts';
import type { MongodbOptions } from './options.ts';
import { placeOf, readSaved, type SavedArchive } from './record.ts';

type Context = CopyContext<MongodbOptions>;

/** Reads every archive to its end, and counts its documents. Nothing is loaded, at no level. */
export async function verify(context: Context): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const saved of await readSaved(context.copy)) checks.push(await verifyArchive(saved, context));
  if (context.level === 'quick') return checks;
  const message = 'the plugin has no throw-away server: archives were read to their end, not loaded';
  return [...checks, { name: 'mongodb: loading', status: 'skipped', message }];
}

async function verifyArchive({ database, collections }: SavedArchive, context: Context): Promise<Check> {
  const name = showControls(placeOf(database));
  try {
    const found = await readArchive(await fileInCopy(context.copy, placeOf(database)));
    const expected = new Map(collections);
    const names = [...new Set([...expected.keys(), ...found.keys()])];
    const differences = names
      .filter((collection) => found.get(collection) !== expected.get(collection))
      .map(
        (collection) =>
          `${showControls(collection)}: ${found.get(collection) ?? 'no'} documents, ${expected.get(collection) ?? 'none'} when saved`,
      );
    if (differences.length > 0) return { name, status: 'failed', message: differences.slice(0, 10).join('; ') };
    const documents = [...found.values()].reduce((sum, count) => sum + count, 0);
    return { name, status: 'ok', message: `whole, ${found.size} collections, ${documents} documents` };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: error.message };
  }
}
