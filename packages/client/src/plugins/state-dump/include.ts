// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { checkExcludePattern } from '../../exclude-pattern.ts';
import { pathMatcher } from '../../path-pattern.ts';

/** Of a line that is quoted in a message, so many characters. */
const QUOTED = 100;

/** One line of an include file: below `state/`, or in a volume. */
export interface Included {
  /** Name of the volume, undefined for `state/...`. */
  readonly volume: string | undefined;
  /** Path or pattern below the volume, or below the module's directory. */
  readonly path: string;
}

/**
 * Lines of `etc/state-include.conf` (E16): paths and patterns relative to what the original mounts: `state/...`,
 * `volumes/<name>/...`; `#` begins a comment.
 * @throws BackupError `config` with every line that leads elsewhere
 */
export function parseIncludes(text: string, file: string): readonly Included[] {
  const complaints: string[] = [];
  const found: Included[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const entry = normalize(line.trim());
    if (line.trim() === '' || line.startsWith('#')) continue;
    const volume = /^volumes\/([^/]+)(?:\/(.*))?$/.exec(entry);
    if (volume?.[1] !== undefined) found.push({ volume: volume[1], path: volume[2] ?? '.' });
    else if (/^state(?:\/|$)/.test(entry)) found.push({ volume: undefined, path: entry });
    else {
      const quoted = showControls(line.trim().slice(0, QUOTED));
      complaints.push(`${file}:${index + 1}:1: ${quoted} does not begin with state/ or volumes/<name>`);
    }
  }
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return found;
}

/**
 * Patterns of `etc/state-exclude.conf`, and what is said against those that cannot be used: then more is saved.
 */
export function parseExcludes(
  text: string,
  file: string,
): { readonly patterns: readonly string[]; readonly warnings: readonly string[] } {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const patterns = lines.filter((line) => checkExcludePattern(line) === undefined);
  const warnings = lines.flatMap((line) => {
    const complaint = checkExcludePattern(line);
    const quoted = showControls(line.slice(0, QUOTED));
    return complaint === undefined ? [] : [`${file}: the pattern ${quoted} ${complaint}; nothing is left out by it.`];
  });
  return { patterns, warnings };
}

/**
 * The paths below a directory that a path or a pattern stands for; none where there are none. No link on the way to them is
 * followed: the module's owner could have root read what is somebody else's.
 * @param pattern relative, `*`, `?` and `[...]` match within one name
 */
export async function expand(root: string, pattern: string): Promise<readonly string[]> {
  let found: readonly string[] = ['.'];
  const names = pattern.split('/').filter((part) => part !== '' && part !== '.');
  for (const [index, name] of names.entries()) {
    const matches = pathMatcher(`/${name}`);
    const isLast = index === names.length - 1;
    const deeper: string[] = [];
    for (const directory of found) {
      const entries = await readdir(join(root, directory), { withFileTypes: true }).catch((): Dirent[] => []);
      const wanted = entries.filter((entry) => isLast || entry.isDirectory());
      deeper.push(
        ...wanted
          .filter((entry) => entry.name === name || matches(`/${entry.name}`))
          .map((entry) => join(directory, entry.name)),
      );
    }
    found = deeper.sort();
  }
  return found;
}
