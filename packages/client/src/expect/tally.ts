// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, textOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { pathMatcher } from '../path-pattern.ts';

/** What a task has saved, added up while it goes into the archive. */
export interface Saved {
  /** Content of all files, uncompressed. */
  readonly bytes: number;
  readonly files: number;
  /** Of the file that was changed last, in nanoseconds since 1970; undefined where there is no file. */
  readonly newestNs: bigint | undefined;
  /** Patterns that nothing has matched. */
  readonly unmatched: readonly string[];
}

export interface Tally {
  /** @param path of the entry inside the directory of its service */
  add(entry: Entry, path: BytePath): void;
  saved(): Saved;
}

/**
 * Needs room for the patterns only, whatever passes.
 * @param patterns see exclude-pattern.ts; a leading `/` means the directory of the service, or the root of a tree in it
 */
export function createTally(patterns: readonly string[]): Tally {
  const wanted = new Map(patterns.map((pattern) => [pattern, pathMatcher(pattern)]));
  let bytes = 0;
  let files = 0;
  let newestNs: bigint | undefined;
  const cross = (path: BytePath) => {
    const names = namesOf(path);
    for (const [pattern, matches] of wanted) if (names.some(matches)) wanted.delete(pattern);
  };
  return {
    add(entry, path) {
      bytes += entry.size;
      if (entry.type === 'file') {
        files += 1;
        if (newestNs === undefined || entry.mtimeNs > newestNs) newestNs = entry.mtimeNs;
      }
      if (wanted.size > 0) cross(path);
    },
    saved: () => ({ bytes, files, newestNs, unmatched: [...wanted.keys()] }),
  };
}

/** `data/etc/fstab` is `/data/etc/fstab` of the service and `/etc/fstab` of the host. */
function namesOf(path: BytePath): readonly string[] {
  const name = `/${textOf(path) ?? path}`;
  const below = name.indexOf('/', 1);
  return below < 0 ? [name] : [name, name.slice(below)];
}
