// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { matchesPath, namePattern } from './pattern.ts';

export interface FoundDatabases {
  /** Absolute, links resolved, sorted, without duplicates. */
  readonly files: readonly string[];
  /** Paths and patterns that lead to no file. */
  readonly missing: readonly string[];
}

/** Files that SQLite keeps beside a database; they are no databases, though `*` matches them. */
const SIDE_FILE = /-(?:wal|shm|journal)$/;

/** Looks up paths and patterns on this host. Links to directories are not followed by `**`. */
export async function findDatabases(paths: readonly string[], exclude: readonly string[]): Promise<FoundDatabases> {
  const files = new Set<string>();
  const missing: string[] = [];
  for (const path of paths) {
    const found = await expand(path);
    if (found.length === 0) missing.push(path);
    for (const file of found) if (!exclude.some((pattern) => matchesPath(file, pattern))) files.add(file);
  }
  return { files: [...files].sort(), missing };
}

async function expand(path: string): Promise<string[]> {
  const names = path.split('/').filter((name) => name !== '');
  const isPattern = namePattern(path) !== undefined;
  const found = isPattern ? await walk('/', names) : [path];
  const files: string[] = [];
  for (const candidate of found) {
    if (isPattern && SIDE_FILE.test(candidate)) continue;
    const real = await realpath(candidate).catch(() => undefined);
    if (real !== undefined && (await stat(real)).isFile()) files.push(real);
  }
  return files;
}

async function walk(directory: string, [name, ...rest]: readonly string[]): Promise<string[]> {
  if (name === undefined) return [directory];
  if (name === '**') {
    const below = await descend(directory);
    return (await Promise.all([directory, ...below].map((place) => walk(place, rest)))).flat();
  }
  const pattern = namePattern(name);
  if (pattern === undefined) return walk(join(directory, name), rest);
  const names = (await entriesOf(directory)).map((entry) => entry.name).filter((entry) => pattern.test(entry));
  return (await Promise.all(names.map((entry) => walk(join(directory, entry), rest)))).flat();
}

async function descend(directory: string): Promise<string[]> {
  const below = (await entriesOf(directory)).filter((entry) => entry.isDirectory());
  const places = below.map((entry) => join(directory, entry.name));
  const deeper: string[] = [];
  for (const place of places) deeper.push(...(await descend(place)));
  return [...places, ...deeper];
}

/** A name on the way that is no directory, or none any more, matches nothing. */
async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
