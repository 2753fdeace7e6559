// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { type BytePath, bytesOf, displayPath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/** Paths relative to a root, without `.`, `..`, doubled or trailing slashes; the root itself is `.`. */
export function checkedPaths(paths: readonly BytePath[]): readonly BytePath[] {
  return paths.map((path) => {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    if (path === '' || path.startsWith('/') || names.includes('..') || names.some((name) => name.includes('\0'))) {
      throw new Error(`not a path relative to a root: ${displayPath(path)}`);
    }
    return (names.length === 0 ? '.' : names.join('/')) as BytePath;
  });
}

/** The directories above these paths, each once, before what is in them; the root is not among them. */
export function parentsOf(paths: readonly BytePath[]): readonly BytePath[] {
  const parents = new Set<BytePath>();
  for (const path of paths) {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      parents.add(path.slice(0, slash) as BytePath);
    }
  }
  return [...parents];
}

/**
 * A path that leads through a symlink cannot be unpacked again safely, so it is refused.
 *
 * @throws BackupError `failed`
 */
export async function requireDirectories(root: string, parents: readonly BytePath[]): Promise<void> {
  for (const parent of parents) {
    const path = Buffer.concat([Buffer.from(`${root}/`), bytesOf(parent)]);
    const stats = await lstat(path).catch((cause) => {
      throw new BackupError('failed', `Cannot look at ${displayPath(parent)} in ${root}: ${String(cause)}`, { cause });
    });
    if (stats.isDirectory()) continue;
    const what = stats.isSymbolicLink() ? 'is a symlink: name the path that it points to instead' : 'is no directory';
    throw new BackupError('failed', `Cannot save what lies beneath ${displayPath(parent)} in ${root}: it ${what}.`);
  }
}

/** For `tar --null --files-from`: see tarArgs. */
export function namesForTar(paths: readonly BytePath[]): Buffer {
  return Buffer.from(paths.map((path) => (path === '.' ? '.\0' : `./${path}\0`)).join(''), 'latin1');
}
