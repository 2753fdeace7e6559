// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { readArchive } from './archive.ts';
import { dumpArchive } from './mongo-tools.ts';
import type { MongodbOptions } from './options.ts';
import { placeOf, RECORD, type SavedArchive } from './record.ts';

type Context = PluginContext<MongodbOptions>;

export async function save(context: Context): Promise<TaskResult> {
  const archives: SavedArchive[] = [];
  for (const database of context.options.databases ?? [null]) {
    archives.push({ database, collections: await saveArchive(database, context) });
  }
  const text = JSON.stringify({ format: 1, archives }, undefined, 2);
  await writeFile(join(context.stage, RECORD), `${text}\n`, { mode: 0o600 });
  return { tables: new Map(archives.flatMap(({ collections }) => collections)) };
}

async function saveArchive(database: string | null, context: Context): Promise<[string, number][]> {
  const file = join(context.stage, placeOf(database));
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await dumpArchive(file, database ?? undefined, context);
  try {
    const collections = await readArchive(file);
    if (database === null || collections.size > 0) return [...collections].sort(([a], [b]) => (a < b ? -1 : 1));
    throw new BackupError('failed', `Database ${database} has no collection: it does not exist, or is empty.`);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}
