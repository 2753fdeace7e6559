// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { Flavour } from './flavour.ts';
import { fileNameOf, nameComplaint } from './names.ts';

/** Directory of the dumps, in the stage and in a copy. */
export const DIRECTORY = 'databases';

/** A hundred thousand tables make some megabytes. */
const LARGEST_RECORD = 64 * 1024 * 1024;

const characterSet = z.string().regex(/^[a-z0-9_]{1,64}$/i);

const schema = z.strictObject({
  format: z.literal(1),
  plugin: z.string(),
  server: z.string().max(200),
  database: z.string().refine((name) => nameComplaint(name) === undefined),
  characterSet,
  collation: characterSet,
  tables: z.array(z.strictObject({ name: z.string().min(1).max(64), rows: z.int().min(0) })),
});

/** What is written beside a dump, as `databases/<database>.json`: what the dump itself does not say. */
export type DatabaseRecord = z.infer<typeof schema>;

/** The record of a dump as text. */
export function recordText(record: DatabaseRecord): string {
  return `${JSON.stringify(record, undefined, 1)}\n`;
}

/** A database that a copy holds. */
export interface SavedDatabase {
  readonly record: DatabaseRecord;
  /** Absolute path of the dump. */
  readonly dump: string;
  /** `databases/shop.sql` */
  readonly name: string;
}

/**
 * The databases that this plugin has saved in a copy, by their records; what other plugins have there is passed over.
 * @throws BackupError `failed` where a record cannot be read or does not fit its file
 */
export async function savedDatabases(copy: string, flavour: Flavour): Promise<readonly SavedDatabase[]> {
  const directory = join(copy, DIRECTORY);
  const facts = await lstat(directory).catch(() => undefined);
  if (facts?.isDirectory() !== true) return [];
  const names = await readdir(directory);
  const saved: SavedDatabase[] = [];
  for (const name of names.filter((file) => file.endsWith('.json')).sort()) {
    const base = name.slice(0, -'.json'.length);
    const value = await readJson(join(directory, name));
    if (pluginOf(value) !== flavour.name) continue;
    const parsed = schema.safeParse(value);
    if (!parsed.success || fileNameOf(parsed.data.database) !== base) {
      throw new BackupError(
        'failed',
        `${DIRECTORY}/${name} is no record of a dump, or of another database: the copy is damaged.`,
      );
    }
    saved.push({ record: parsed.data, dump: join(directory, `${base}.sql`), name: `${DIRECTORY}/${base}.sql` });
  }
  return saved;
}

function pluginOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'plugin' in value ? value.plugin : undefined;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readCopied(file, LARGEST_RECORD);
  try {
    return JSON.parse(text);
  } catch {
    throw new BackupError('failed', `${file} is no JSON: the copy is damaged.`);
  }
}

/**
 * Text of a file of a copy: no link is followed, and no more is read than a file of its kind has.
 * @throws BackupError `failed`
 */
export async function readCopied(file: string, maxBytes: number): Promise<string> {
  const handle = await openCopied(file);
  try {
    if ((await handle.stat()).size > maxBytes) throw new BackupError('failed', `${file} is too large for what it is.`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Opens a file of a copy for reading, if it is a file and no link. */
export async function openCopied(file: string) {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      throw new BackupError('failed', `${file} cannot be read: ${error.code ?? error.message}.`);
    },
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new BackupError('failed', `${file} is no regular file.`);
}
