// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { readRecord } from '../../../plugin-tools/file-in-copy.ts';

/** Directory of a physical copy, in the stage and in a copy. */
export const PHYSICAL = 'physical';

/** Below {@link PHYSICAL}: the files of the server, as it could be started with them. */
export const DATA = 'data';

/** Below {@link PHYSICAL}: what the files themselves do not say. */
export const RECORD = 'copy.json';

/** Names as MariaDB writes them, directories at most two deep: nothing that could lead elsewhere. */
export const FILE_PATH = /^(?!\.)[\x21-\x2e\x30-\x7e]+(?:\/(?!\.)[\x21-\x2e\x30-\x7e]+){0,2}$/;

const variable = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_.:;-]*$/);

/** No MariaDB takes a NUL, and no argument of a program can hold one. */
const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\0]+$/);

const schema = z.strictObject({
  format: z.literal(1),
  plugin: z.literal('mariadb'),
  /** Version of the server. */
  server: z.string().max(200),
  /** Options without which a server would not find its way in the files, by their names. */
  variables: z.strictObject({
    innodb_page_size: variable,
    innodb_data_file_path: variable,
    lower_case_table_names: variable,
  }),
  /** All files below {@link DATA} with their sizes in bytes. */
  files: z.array(z.strictObject({ path: z.string().max(1000).regex(FILE_PATH), bytes: z.int().min(0) })),
  tables: z.array(
    z.strictObject({
      database: identifier,
      name: identifier,
      engine: z.string().max(64),
    }),
  ),
});

/** What is written beside a physical copy. */
export type PhysicalRecord = z.infer<typeof schema>;

/**
 * What a copy says of itself.
 * @throws BackupError `untrusted` where it is missing, or something else
 */
export function readPhysicalRecord(copy: string): Promise<PhysicalRecord> {
  return readRecord(copy, `${PHYSICAL}/${RECORD}`, schema);
}

/**
 * The files of a copy.
 * @throws BackupError `untrusted` where they are missing, or behind a link
 */
export async function dataInCopy(copy: string): Promise<string> {
  const data = join(copy, PHYSICAL, DATA);
  const real = await realpath(data).catch(() => undefined);
  if (real !== undefined && real === join(await realpath(copy), PHYSICAL, DATA)) return data;
  throw new BackupError('untrusted', `${PHYSICAL}/${DATA} in the copy is missing, or behind a link.`);
}

/** `10.11.6-MariaDB` as a number that can be compared: 10011006. Zero where it is no version. */
export function versionNumber(version: string): number {
  const [, major = '0', minor = '0', patch = '0'] = /(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch);
}

/** The part of {@link versionNumber} that decides on the format of the files: 10.11 of `10.11.6`. */
export function seriesNumber(version: string): number {
  return Math.floor(versionNumber(version) / 1000);
}
