// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

const name = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => !text.includes('\0'));

const text = z
  .string()
  .max(100_000)
  .refine((value) => !value.includes('\0'));

/** What a server says of a database: all that it takes to create it again. */
export const databaseFacts = z.strictObject({
  database: name,
  /** `15.4 (Debian 15.4-1)` */
  server: text,
  /** `150004` */
  serverNumber: z.int().min(70_000).max(9_999_999),
  encoding: z.string().regex(/^[A-Za-z0-9_]+$/),
  collate: text.nullable(),
  ctype: text.nullable(),
  /** `c` for libc, `i` for ICU, `b` for built in. */
  provider: z.string().max(1),
  /** Locale of ICU or of the built-in provider. */
  locale: text.nullable(),
  owner: name,
  template: z.boolean(),
  connectionLimit: z.int().min(-1),
  comment: text.nullable(),
  /** Of `ALTER DATABASE ... SET`, and of `ALTER ROLE ... IN DATABASE ... SET` where there is a role. */
  settings: z.array(z.strictObject({ role: name.nullable(), setting: text })).max(10_000),
  /** Null: nobody has changed the default. The grantee null is PUBLIC. */
  privileges: z
    .array(
      z.strictObject({
        grantee: name.nullable(),
        privilege: z.enum(['CREATE', 'CONNECT', 'TEMPORARY']),
        grantable: z.boolean(),
      }),
    )
    .max(10_000)
    .nullable(),
  extensions: z.array(z.strictObject({ name, schema: name })).max(1000),
  /** Roles that own something in it or may use it. */
  roles: z.array(name).max(100_000),
});

export type DatabaseFacts = z.infer<typeof databaseFacts>;

const databaseRecord = z.strictObject({
  format: z.literal(1),
  dumpFormat: z.enum(['plain', 'custom', 'directory']),
  /** Name of the dump, beside this file. */
  dump: z.string().regex(/^[^/]+\.(?:sql|dump|dir)$/),
  /** Bytes of the dump; of a directory the sum of its files. */
  bytes: z.int().min(1),
  facts: databaseFacts,
  /** Names as they stand in SQL: `public."we""ird"`. */
  tables: z.array(z.strictObject({ name: z.string().min(3).max(1000), rows: z.int().min(0) })),
});

/** `databases/<name>.json`: what was saved of a database, for those who check or restore it. */
export type DatabaseRecord = z.infer<typeof databaseRecord>;

/** 100,000 tables with long names are less. */
const LARGEST_RECORD = 64 * 1024 * 1024;

/**
 * Reads a record in a copy, which may be hostile.
 * @throws BackupError `failed` where it is no record
 */
export async function readRecord(file: string): Promise<DatabaseRecord> {
  const content = await readBounded(file, LARGEST_RECORD);
  const parsed = databaseRecord.safeParse(parseJson(content, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new BackupError('failed', `${basename(file)} is not what this plugin writes: ${where}: ${issue?.message}`);
}

/**
 * Text of a file in a copy.
 * @throws BackupError `failed` where it is a link, no file, missing or too large
 */
export async function readBounded(file: string, maxBytes: number): Promise<string> {
  const handle = await openInCopy(file);
  try {
    const stats = await handle.stat();
    if (stats.size > maxBytes) throw new BackupError('failed', `${basename(file)} is larger than ${maxBytes} bytes.`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * Opens a regular file of a copy for reading; no link is followed.
 * @throws BackupError `failed`
 */
export async function openInCopy(file: string) {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((error: NodeJS.ErrnoException) => {
    throw new BackupError('failed', `${file} cannot be read: ${error.code}. The copy lacks it.`, { cause: error });
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new BackupError('failed', `${file} is no regular file.`);
}

function parseJson(content: string, file: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new BackupError('failed', `${basename(file)} is no JSON.`, { cause: error });
  }
}
