// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { isWithin } from '../../plugin-tools/snapshot/mounts.ts';

/** A path that leads nowhere. */
export interface MissingPath {
  /** As it was configured. */
  readonly path: string;
  /** What is wrong with it, to be put after the path. */
  readonly reason: string;
}

export interface LocatedPaths {
  /** Absolute, links on the way resolved, sorted, without duplicates and without paths that lie below another one. */
  readonly present: readonly string[];
  /** Where each path that exists really is, by what was configured; nested ones too. */
  readonly where: ReadonlyMap<string, string>;
  readonly missing: readonly MissingPath[];
  /** Paths that are symbolic links themselves, as they were configured. */
  readonly links: readonly string[];
}

/** System errors that say that there is no such path. */
const MISSING: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  ELOOP: 'leads through symbolic links that go round in a circle',
  ENAMETOOLONG: 'is longer than a path can be',
};

/**
 * Where the configured paths really are. Symbolic links on the way to a path are resolved (`/var/run/x` is saved as
 * `run/x`): no member of an archive may lie below a symbolic link. The last component is not resolved.
 * @throws BackupError `failed` where a file system does not tell whether there is such a path
 */
export async function locatePaths(paths: readonly string[]): Promise<LocatedPaths> {
  const where = new Map<string, string>();
  const missing: MissingPath[] = [];
  const links: string[] = [];
  for (const path of paths) {
    const located = await locate(path);
    if ('reason' in located) missing.push({ path, reason: located.reason });
    else where.set(path, located.path);
    if ('isLink' in located && located.isLink) links.push(path);
  }
  return { present: withoutNested([...new Set(where.values())].sort()), where, missing, links };
}

type Located = { readonly path: string; readonly isLink: boolean } | { readonly reason: string };

async function locate(path: string): Promise<Located> {
  const clean = withoutTrailingSlash(normalize(path));
  try {
    const real = clean === '/' ? '/' : join(await realpath(dirname(clean)), basename(clean));
    return { path: real, isLink: (await lstat(real)).isSymbolicLink() };
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const reason = MISSING[code];
    if (reason !== undefined) return { reason };
    throw new BackupError('failed', `Cannot look at ${path}: ${message}. Is its file system all right?`, {
      cause: error,
    });
  }
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function withoutNested(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && isWithin(path, other)));
}
