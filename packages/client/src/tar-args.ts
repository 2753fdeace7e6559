// SPDX-License-Identifier: AGPL-3.0-or-later

import type { BytePath } from '@local-backup/common/byte-path';
import { TAR_FIDELITY } from '@local-backup/common/tar-options';
import { toTarPattern } from './exclude-pattern.ts';

/** One run of GNU tar that reads from a tree; the names to read come from standard input. */
export interface TarRead {
  /** Directory of the archive that everything is put under: `web/shop/data`. Letters, digits and `._-` in each name. */
  readonly prefix: string;
  /** Directory that the names are relative to. */
  readonly root: string;
  readonly exclude: readonly string[];
  readonly oneFileSystem: boolean;
  /** False: directories without what is in them. */
  readonly recursion: boolean;
}

/** The same with the names. */
export interface NamedRead extends TarRead {
  /** Relative to the root, checked. */
  readonly paths: readonly BytePath[];
}

/** What tar has to do for one tree. */
export interface TreeReads {
  /** The directories above it, read first; undefined where there are none. */
  readonly above: NamedRead | undefined;
  readonly tree: NamedRead;
}

const PREFIX = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

/**
 * Arguments of GNU tar 1.29 or newer. Names on standard input end in NUL and begin with `./`, or are `.`: so none looks
 * like an option, and replacing the dot puts members and targets of hard links (not of symlinks) under the prefix.
 * @param file where the archive goes, its size to standard error; default: standard output
 */
export function tarArgs({ prefix, root, exclude, oneFileSystem, recursion }: TarRead, file = '-'): string[] {
  if (!PREFIX.test(prefix)) throw new Error(`not a prefix for an archive: ${prefix}`);
  return [
    '--create',
    `--file=${file}`,
    ...(file === '-' ? [] : ['--totals']),
    ...TAR_FIDELITY,
    '--quoting-style=escape',
    `--transform=flags=rSh;s,^\\.,${prefix},`,
    `--directory=${root}`,
    ...(oneFileSystem ? ['--one-file-system'] : []),
    ...excludeArgs(exclude),
    recursion ? '--recursion' : '--no-recursion',
    '--null',
    '--no-unquote',
    '--files-from=-',
  ];
}

/**
 * These options count for the patterns behind them. Without `--no-recursion`, a pattern that matches a directory would
 * also leave out what was asked for by name inside it.
 */
function excludeArgs(patterns: readonly string[]): string[] {
  return patterns.flatMap((text) => {
    const { pattern, anchored, wildcardsMatchSlash } = toTarPattern(text);
    return [
      '--no-recursion',
      '--wildcards',
      anchored ? '--anchored' : '--no-anchored',
      wildcardsMatchSlash ? '--wildcards-match-slash' : '--no-wildcards-match-slash',
      `--exclude=${pattern}`,
    ];
  });
}
