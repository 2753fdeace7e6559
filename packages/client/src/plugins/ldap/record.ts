// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { showControls } from '@local-backup/common/byte-path';
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';

/** Below the copy of the service. */
export const CONFIG = 'ldap/config.ldif';
export const RECORD = 'ldap/saved.json';

/** Longer names are no names of files. */
const LONGEST_NAME = 200;

const database = z.strictObject({ suffix: z.string(), entries: z.int().min(0) });

const record = z.strictObject({
  format: z.literal(1),
  /** Entries of the configuration. */
  config: z.int().min(1),
  databases: z.array(database),
});

export type Saved = z.infer<typeof record>;

export type SavedDatabase = z.infer<typeof database>;

/** @throws BackupError `untrusted` */
export async function readSaved(copy: string): Promise<Saved> {
  return readRecord(copy, RECORD, record);
}

/** A suffix for messages: the empty one, of a database that holds everything, is told in words. */
export function suffixName(suffix: string): string {
  return suffix === '' ? 'the empty suffix ""' : showControls(suffix);
}

/** Where the entries of a database are: named by its suffix, whatever characters are in that. */
export function placeOf(suffix: string): string {
  // Every other one has a `=`.
  if (suffix === '') return 'ldap/data/empty.ldif';
  const plain = encodeURIComponent(suffix).replaceAll('%2C', ',').replaceAll('%3D', '=');
  const name = plain.length > LONGEST_NAME ? createHash('sha256').update(suffix).digest('hex') : plain;
  return `ldap/data/${name}.ldif`;
}
