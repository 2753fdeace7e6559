// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { LocatedPaths } from './locate.ts';

/** The record of a task: where each of its paths is in `data`. */
export const SAVED_FILE = 'files/saved.json';

const absolute = z
  .string()
  .regex(/^\/(?:[^/\0]+(?:\/[^/\0]+)*)?$/, 'must be an absolute path')
  .refine((path) => !path.split('/').some((name) => name === '.' || name === '..'), 'must not hold `.` or `..`');

/** What `saved.json` holds; from a hostile copy it is data as any other. */
export const savedSchema = z.strictObject({
  /** Path of the configuration: the path that it was saved as, links resolved; null where there was none. */
  paths: z.record(z.string(), absolute.nullable()),
});

/** Leaves the record in the stage. It looks the same every day, times included, as long as the paths are the same. */
export async function writeSaved(stage: string, { where, missing }: LocatedPaths): Promise<void> {
  const paths = [...where, ...missing.map(({ path }) => [path, null] as const)].sort(([a], [b]) => (a < b ? -1 : 1));
  const file = join(stage, SAVED_FILE);
  await mkdir(join(stage, 'files'), { mode: 0o700 });
  await writeFile(file, `${JSON.stringify({ paths: Object.fromEntries(paths) }, undefined, 2)}\n`, { mode: 0o600 });
  for (const path of [file, join(stage, 'files')]) await utimes(path, 0, 0);
}
