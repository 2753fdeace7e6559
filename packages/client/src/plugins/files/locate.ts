// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';

export interface LocatedPaths {
  /** Relative to `/`, sorted, without duplicates and without paths that lie below another one. */
  readonly present: readonly BytePath[];
  /** As they were configured. */
  readonly missing: readonly string[];
  /** Paths that are symbolic links themselves, as they were configured. */
  readonly links: readonly string[];
}

/**
 * Where the configured paths really are. Symbolic links on the way to a path are resolved (`/var/run/x` is saved as
 * `run/x`): no member of an archive may lie below a symbolic link. The last component is not resolved.
 */
export async function locatePaths(paths: readonly string[]): Promise<LocatedPaths> {
  const present = new Set<string>();
  const missing: string[] = [];
  const links: string[] = [];
  for (const path of paths) {
    const clean = withoutTrailingSlash(normalize(path));
    const located = await locate(clean);
    if (located === undefined) missing.push(path);
    else present.add(located.path);
    if (located?.isLink) links.push(path);
  }
  return { present: withoutNested([...present].sort()).map(relativeToRoot), missing, links };
}

async function locate(path: string): Promise<{ path: string; isLink: boolean } | undefined> {
  try {
    const real = path === '/' ? '/' : join(await realpath(dirname(path)), basename(path));
    return { path: real, isLink: (await lstat(real)).isSymbolicLink() };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function withoutNested(paths: readonly string[]): string[] {
  return paths.filter(
    (path) => !paths.some((other) => other !== path && path.startsWith(other === '/' ? '/' : `${other}/`)),
  );
}

function relativeToRoot(path: string): BytePath {
  return bytePathOfText(path === '/' ? '.' : path.slice(1));
}
