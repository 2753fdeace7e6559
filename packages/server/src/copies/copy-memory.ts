// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

const memorySchema = z.object({
  /** When the newest snapshot of the copy was taken, ISO. */
  newest: z.iso.datetime(),
});

/** Undefined where nothing is remembered; a file that cannot be used is no evidence of a copy either. */
export async function readCopyMemory(file: string): Promise<string | undefined> {
  try {
    return (await readJson(file, memorySchema)).newest;
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}

/** Remembers how far a copy got: where it cannot be reached, this is what its age is told by. */
export async function writeCopyMemory(file: string, newest: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${JSON.stringify({ newest })}\n`, { mode: 0o600 });
}
