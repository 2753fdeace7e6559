// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { pathMatcher } from '../../path-pattern.ts';

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
    else complaints.push(`${file}:${index + 1}:1: ${line.trim()} does not begin with state/ or volumes/<name>`);
  }
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return found;
}

/** The text of a file of the module, empty where it has none. */
export async function readOptional(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new BackupError('config', `${file} cannot be read: ${error.message}`, { cause: error });
  });
}

/**
 * The paths below a directory that a path or a pattern stands for; none where there are none.
 * @param pattern relative, `*`, `?` and `[...]` match within one name
 */
export async function expand(root: string, pattern: string): Promise<readonly string[]> {
  let found: readonly string[] = ['.'];
  for (const name of pattern.split('/').filter((part) => part !== '' && part !== '.')) {
    const matches = pathMatcher(`/${name}`);
    const deeper: string[] = [];
    for (const directory of found) {
      const names = await readdir(join(root, directory)).catch((): string[] => []);
      deeper.push(
        ...names.filter((entry) => entry === name || matches(`/${entry}`)).map((entry) => join(directory, entry)),
      );
    }
    found = deeper.sort();
  }
  return found;
}
