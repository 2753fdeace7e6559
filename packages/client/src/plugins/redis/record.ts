// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';
import type { Flavour } from './options.ts';

/** Names in the directory of the plugin. */
export const RDB = 'dump.rdb';
export const KEYS = 'keys.resp';
const RECORD = 'saved.json';

const record = z.strictObject({
  format: z.literal(1),
  /** `rdb`: all data. `keys`: those of some patterns, in one database. */
  kind: z.enum(['rdb', 'keys']),
  version: z.string(),
  /** Keys in the file, counted there; null where nobody could count them. */
  keys: z.int().min(0).nullable(),
  /** Of `keys`: the number of the database, and the patterns. */
  database: z.int().min(0).optional(),
  patterns: z.array(z.string()).optional(),
});

/** What was saved; `saved.json` beside the data. */
export type Saved = z.infer<typeof record>;

/** @param directory of the plugin, in the stage */
export async function writeSaved(directory: string, saved: Saved): Promise<void> {
  await writeFile(join(directory, RECORD), `${JSON.stringify(saved, undefined, 2)}\n`, { mode: 0o600 });
}

/** @throws BackupError `untrusted` */
export async function readSaved(copy: string, { name }: Flavour): Promise<Saved> {
  return readRecord(copy, `${name}/${RECORD}`, record);
}

/** Path of the data below the copy of the service. */
export function dataOf({ kind }: Saved, { name }: Flavour): string {
  return `${name}/${kind === 'rdb' ? RDB : KEYS}`;
}
