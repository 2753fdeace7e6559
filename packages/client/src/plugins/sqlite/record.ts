// SPDX-License-Identifier: AGPL-3.0-or-later
import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';

/** What is left in the stage: `sqlite/databases.json`, and the copies with their paths on the host. */
export const RECORD = 'sqlite/databases.json';
const FILES = 'sqlite/files';

/** Nothing of a copy may lead out of it. */
const hostPath = z
  .string()
  .refine((path) => isAbsolute(path) && normalize(path) === path && !path.includes('\0'), 'is no plain path');

const database = z.strictObject({
  /** Where it is on the host, links resolved. */
  path: hostPath,
  /** Of the file on the host, to be put back. */
  mode: z.int().min(0).max(0o777),
  uid: z.int().min(0),
  gid: z.int().min(0),
  bytes: z.int().min(0),
  /** Names of tables with their rows; no object, for a table may be named `__proto__`. */
  tables: z.array(z.tuple([z.string(), z.int().min(0)])),
});

const record = z.strictObject({ format: z.literal(1), databases: z.array(database) });

/** One database that was saved. */
export type SavedDatabase = z.infer<typeof database>;

/** @throws BackupError `untrusted` */
export async function readDatabases(copy: string): Promise<readonly SavedDatabase[]> {
  return (await readRecord(copy, RECORD, record)).databases;
}

/** Where the copy of a database is, below the copy of the service. */
export function placeOf(path: string): string {
  return `${FILES}${path}`;
}
