// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import * as z from 'zod';

const recordSchema = z.strictObject({
  bytes: z.int().min(0),
  /** The archive that it was in. */
  archive: z.string(),
});

export interface SizedTask {
  readonly service: { readonly type: string; readonly name: string };
  readonly task: string;
}

/**
 * What tasks with `max_shrink` had saved when all was well last, and what was read of those that had to be stopped: one small
 * file each, so that an admin who knows why there
 * is less now removes it. A run that misses the expectation leaves the file as it was: else the second one would be green.
 */
export interface TaskSizes {
  /** Undefined where there is none. @throws BackupError `failed` where it cannot be read */
  last(task: SizedTask): Promise<number | undefined>;
  /** Remembered until {@link commit}. */
  keep(task: SizedTask, bytes: number): void;
  /** The archive is published: what was kept is on disk (fsync) when the promise resolves. */
  commit(archive: string): Promise<void>;
  fileOf(task: SizedTask): string;
}

/** The files in a directory, which is created (0700) when the first is written. */
export function openTaskSizes(directory: string): TaskSizes {
  const kept = new Map<string, number>();
  // Service types and names hold no `+`, so the parts cannot run into each other.
  const fileOf = ({ service, task }: SizedTask) =>
    join(directory, `${service.type}+${service.name}+${encodeURIComponent(task)}.json`);
  return {
    async last(task) {
      try {
        return (await readJson(fileOf(task), recordSchema)).bytes;
      } catch (error) {
        if (error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
          return undefined;
        }
        throw error;
      }
    },
    keep: (task, bytes) => void kept.set(fileOf(task), bytes),
    async commit(archive) {
      if (kept.size === 0) return;
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const [file, bytes] of kept) {
        await writeFileAtomic(file, `${JSON.stringify({ bytes, archive })}\n`, { mode: 0o600 });
      }
    },
    fileOf,
  };
}
