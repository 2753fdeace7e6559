// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText, showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Tree } from '../../plugin.ts';

/** A tree, as an executable names it. */
export interface ToldTree {
  readonly root: string;
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  readonly into: string;
  readonly one_file_system: boolean;
}

/**
 * The trees that an executable has named. The plugin's name goes before the tree's, so that the trees of two plugins cannot
 * meet. What comes twice within one tree counts once. Pure.
 * @throws BackupError `failed` where something would be in the archive twice: no server takes such an archive
 */
export function treesOf(told: readonly ToldTree[], name: string): readonly Tree[] {
  const taken = new Map<string, Taken>();
  return told.map(({ root, paths, exclude, into, one_file_system }) => {
    const before = taken.get(into) ?? { paths: new Set(), above: new Set() };
    const clean = [...new Set(paths.map(cleanPath))];
    for (const path of clean) requireApart(path, before, { name, into });
    taken.set(into, before);
    return {
      into: `${name}-${into}`,
      root,
      paths: clean.map(bytePathOfText),
      exclude,
      oneFileSystem: one_file_system,
    };
  });
}

function cleanPath(path: string): string {
  const names = path.split('/').filter((part) => part !== '' && part !== '.');
  return names.length === 0 ? '.' : names.join('/');
}

/** What there is already under one `into`. */
interface Taken {
  readonly paths: Set<string>;
  /** The directories above those. */
  readonly above: Set<string>;
}

/** Adds the path to those before it. */
function requireApart(path: string, { paths, above }: Taken, { name, into }: { name: string; into: string }): void {
  const parents = parentsOf(path);
  const isTwice = paths.has(path) || above.has(path) || parents.some((parent) => paths.has(parent));
  paths.add(path);
  for (const parent of parents) above.add(parent);
  if (!isTwice) return;
  throw new BackupError(
    'failed',
    `${name} names ${showControls(path)}, and the same or something around or within it as well, both \`into\` ${into}: it ` +
      'would be saved twice, and the server would refuse the whole archive. Name it once, or give the trees different ' +
      'names in `into`.',
  );
}

function parentsOf(path: string): readonly string[] {
  if (path === '.') return [];
  const names = path.split('/');
  return ['.', ...names.slice(1).map((_, at) => names.slice(0, at + 1).join('/'))];
}
