// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { CopyContext } from '../../plugin-copy.ts';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { entriesOf, type FilesOptions } from './options.ts';
import { SAVED_FILE, savedSchema } from './saved.ts';

/** A path of the configuration in a copy. */
export interface SavedPath {
  /** As it is configured. */
  readonly path: string;
  /** What it was saved as, relative to `data`; `.` for the root; undefined where it did not exist. */
  readonly saved: BytePath | undefined;
  /** Why it is not in the copy as it should be; undefined where it is. */
  readonly problem: string | undefined;
}

/**
 * The paths of a task, and whether the copy has them.
 * @throws BackupError `untrusted` where the record of the task is damaged
 */
export async function savedPaths({ copy, options }: CopyContext<FilesOptions>): Promise<readonly SavedPath[]> {
  const recorded = await recordedPaths(copy);
  const found: SavedPath[] = [];
  for (const { path } of entriesOf(options)) {
    // Archives of old versions hold no record.
    const saved = recorded === undefined ? path : recorded.get(path);
    if (saved === undefined) found.push({ path, saved: undefined, problem: 'the record of the copy does not name it' });
    else if (saved === null) found.push({ path, saved: undefined, problem: undefined });
    else found.push(await lookFor(path, saved, copy));
  }
  return found;
}

/** Paths that are within another one are restored with that. */
export function outermost(paths: readonly SavedPath[]): readonly BytePath[] {
  const saved = [...new Set(paths.flatMap(({ saved: one }) => (one === undefined ? [] : [one])))].sort();
  return saved.filter(
    (path) => !saved.some((other) => other !== path && (other === '.' || path.startsWith(`${other}/`))),
  );
}

async function recordedPaths(copy: string): Promise<ReadonlyMap<string, string | null> | undefined> {
  const facts = await lstat(join(copy, SAVED_FILE)).catch(() => undefined);
  if (facts === undefined) return undefined;
  return new Map(Object.entries((await readRecord(copy, SAVED_FILE, savedSchema)).paths));
}

async function lookFor(path: string, saved: string, copy: string): Promise<SavedPath> {
  const relative = saved === '/' ? ('.' as BytePath) : bytePathOfText(saved.slice(1));
  return { path, saved: relative, problem: await problemInCopy(copy, 'data', relative) };
}
