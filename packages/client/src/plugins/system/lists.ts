// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';

/** Directory of the lists in the archive. */
export const LISTS = 'system';

/** The lists of the largest machines have some thousand lines. */
const MOST_LINES = 100_000;
/** In bytes. */
export const LARGEST_LIST = 16 * 1024 * 1024;

/**
 * Lines of a saved list; undefined where it was not saved. What it holds may be hostile.
 * @throws BackupError `untrusted` where it is no regular file, or too large (16 MiB)
 */
export async function savedLines(copy: string, name: string, isThere: boolean): Promise<readonly string[] | undefined> {
  if (!isThere) return undefined;
  const file = await fileInCopy(copy, join(LISTS, name));
  if ((await lstat(file)).size <= LARGEST_LIST) return linesOf(await readFile(file, 'utf8'));
  throw new BackupError('untrusted', `${LISTS}/${name} in the copy is too large for a list of this machine.`);
}

/** Lines without blanks around them, empty ones left out. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split('\n', MOST_LINES).map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

/**
 * A name of a package as apt takes it: `bash`, `libc6:i386`. Not one that ends in `-`: that means to remove it (apt-get(8)),
 * behind an architecture too.
 */
export function isPackageName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.+-]*[a-z0-9.+](?::[a-z0-9]+(?:-[a-z0-9]+)*)?$/.test(name);
}

/** A unit that systemctl can enable by its name; a template cannot be without an instance. */
export function isUnitName(name: string): boolean {
  return /^[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]*\.[a-z]+$/.test(name) && !name.includes('@.');
}

/** `3 packages: a, b, c`, or the first of more than that. */
export function someOf(names: readonly string[]): string {
  const shown = 8;
  return names.length <= shown
    ? names.join(', ')
    : `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;
}
