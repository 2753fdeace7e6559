// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { fileNameOf } from './names.ts';
import { databasesOf, type PostgresqlOptions } from './options.ts';
import { type DatabaseRecord, readBounded, readRecord } from './record.ts';

/** The plugin's directory of a service. */
export const DIRECTORY = 'databases';

/** A record in a copy, or why there is none. */
export interface SavedDatabase {
  /** `databases/shop.json` */
  readonly file: string;
  readonly record: DatabaseRecord | undefined;
  readonly complaint: string | undefined;
}

/** Tells, beside the databases of other plugins, which ones are this plugin's. */
const INDEX = 'postgresql.json';

const index = z.strictObject({ format: z.literal(1), databases: z.array(z.string().min(1)).max(100_000) });

/** A hundred thousand names of 63 bytes are less. */
const LARGEST_INDEX = 16 * 1024 * 1024;

/** Writes down which databases were dumped. */
export async function writeIndex(directory: string, databases: readonly string[]): Promise<void> {
  const text = JSON.stringify({ format: 1, databases }, undefined, 1);
  await writeFile(join(directory, INDEX), `${text}\n`, { mode: 0o600, flag: 'wx' });
}

/**
 * What the copy holds: the databases that the task names, or all that were dumped.
 * @throws BackupError `failed` where the copy does not say which
 */
export async function readSavedDatabases(copy: string, options: PostgresqlOptions): Promise<readonly SavedDatabase[]> {
  const directory = join(copy, DIRECTORY);
  const names = databasesOf(options) ?? (await readIndex(directory));
  if (names.length === 0) throw new BackupError('failed', `${directory} holds no database.`);
  return Promise.all(names.map((name) => readSaved(directory, `${fileNameOf(name)}.json`)));
}

async function readIndex(directory: string): Promise<readonly string[]> {
  const text = await readBounded(join(directory, INDEX), LARGEST_INDEX);
  try {
    return index.parse(JSON.parse(text)).databases;
  } catch (error) {
    throw new BackupError('failed', `${DIRECTORY}/${INDEX} is not what this plugin writes.`, { cause: error });
  }
}

async function readSaved(directory: string, name: string): Promise<SavedDatabase> {
  const file = `${DIRECTORY}/${name}`;
  try {
    const record = await readRecord(join(directory, name));
    // One file could otherwise stand for a database of another name, and a restore would replace that.
    if (`${fileNameOf(record.facts.database)}.json` === name) return { file, record, complaint: undefined };
    return { file, record: undefined, complaint: `it is about another database: "${record.facts.database}"` };
  } catch (error) {
    if (error instanceof BackupError) return { file, record: undefined, complaint: error.message };
    throw error;
  }
}

/** Where the dump of a record is. */
export function dumpPath(copy: string, { dump }: DatabaseRecord): string {
  return join(copy, DIRECTORY, dump);
}

/** `3 tables, 120 rows` */
export function describeContent({ tables }: DatabaseRecord): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${tables.length} table${tables.length === 1 ? '' : 's'}, ${rows} row${rows === 1 ? '' : 's'}`;
}
