// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';
import { databaseName } from './options.ts';

/** Below the copy of the service. */
const DIRECTORY = 'mongodb';
export const RECORD = 'mongodb/saved.json';

const archive = z.strictObject({
  /** Null: all databases. */
  database: databaseName.nullable(),
  /** Full names of collections with their documents. */
  collections: z.array(z.tuple([z.string(), z.int().min(0)])),
});

const record = z.strictObject({ format: z.literal(1), archives: z.array(archive).min(1) });

export type SavedArchive = z.infer<typeof archive>;

/** @throws BackupError `untrusted` */
export async function readSaved(copy: string): Promise<readonly SavedArchive[]> {
  return (await readRecord(copy, RECORD, record)).archives;
}

/** Where the archive of a database is, or that of all (whose name no database can have). */
export function placeOf(database: string | null): string {
  return database === null
    ? `${DIRECTORY}/all.archive`
    : `${DIRECTORY}/databases/${encodeURIComponent(database)}.archive`;
}
