// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { type Locate, statOf } from './entry-on-disk.ts';

/** Directories that are remembered; archives list a directory's content together. */
const REMEMBERED = 10_000;

/**
 * Tells whether a path of an entry list leads, through real directories only, to a place within the tree. Nothing may
 * be looked at before: a tree out of a client may have a link to `/etc` where the list has a directory.
 *
 * @returns a function: undefined where the path may be looked at, else what is wrong, to be said behind the path
 */
export function createReach(inTree: Locate): (path: BytePath) => string | undefined {
  const real = new Set<string>();
  const isDirectory = (path: string): boolean => {
    if (real.has(path)) return true;
    if (statOf(inTree(path as BytePath))?.isDirectory() !== true) return false;
    if (real.size >= REMEMBERED) real.clear();
    real.add(path);
    return true;
  };
  return (path) => {
    const parts = path.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0')))
      return 'is no path within the tree';
    if (real.has(parts.slice(0, -1).join('/'))) return undefined;
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      if (!isDirectory(parent)) return `is missing: ${displayPath(parent as BytePath)} is no directory`;
    }
    return undefined;
  };
}
