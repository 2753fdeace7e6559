// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import type * as z from 'zod';

/** How a file of the state directory is read. */
export interface StateFile<Value> {
  readonly file: string;
  readonly schema: z.ZodType<Value>;
  /** What holds while there is no file. */
  readonly missing: Value;
  /** What a damaged file means and how to mend that, for people: before the reason in the error's message. */
  readonly damaged: string;
}

/** @throws BackupError `failed` where the file cannot be read or is damaged: that is never the same as none */
export async function readStateFile<Value>({ file, schema, missing, damaged }: StateFile<Value>): Promise<Value> {
  try {
    return await readJson(file, schema);
  } catch (error) {
    const cause = error instanceof BackupError ? error.cause : undefined;
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return missing;
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupError('failed', `${damaged} ${reason}`, { cause: error });
  }
}

/** Readable for root only; whole and on disk when it resolves. @throws BackupError `failed` */
export async function writeStateFile(file: string, value: object): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
}
