// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { escapeControls } from '@local-backup/common/byte-path';

/** A file, or without content a directory, as it is on this machine. The path is absolute, times are in seconds. */
export interface KitFile {
  readonly path: string;
  /** `state` changes with every run and makes no kit old. */
  readonly kind: 'configuration' | 'state';
  readonly content?: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/** A file that has to go into the kit. */
export interface WantedFile {
  readonly path: string;
  readonly kind: KitFile['kind'];
  /** What is missing without it; undefined: it may be missing. */
  readonly neededFor?: string;
  /** Why it cannot be had, where that is known already. */
  readonly problem?: string;
}

export interface Collected {
  readonly files: readonly KitFile[];
  /** What could not be had, for people. */
  readonly problems: readonly string[];
}

/** A configuration, a key, a state file: none is larger. */
const LARGEST_BYTES = 4 * 1024 * 1024;

/** Reads the wanted files, each once. Links are followed: the content counts. */
export async function collectFiles(wanted: readonly WantedFile[]): Promise<Collected> {
  const files = new Map<string, KitFile>();
  const problems: string[] = [];
  for (const want of wanted) {
    if (files.has(want.path)) continue;
    const found = want.problem ?? (await readFileOnce(want));
    if (typeof found !== 'string') files.set(want.path, found);
    else if (want.neededFor !== undefined || found !== ABSENT) {
      problems.push(`${escapeControls(want.path)} ${found}. Needed for: ${want.neededFor ?? 'completeness'}.`);
    }
  }
  return { files: [...files.values()], problems };
}

/**
 * All files below a directory, as state, and links to files; names in `without` are left out at its top. A directory that
 * cannot be read is told as a file that cannot be had.
 */
export async function filesBelow(directory: string, without: readonly string[] = []): Promise<readonly WantedFile[]> {
  const found: WantedFile[] = [];
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => error);
  if (entries instanceof Error) {
    if (entries.code === 'ENOENT') return [];
    return [
      { path: directory, kind: 'state', neededFor: 'what is in it', problem: `cannot be read (${entries.code})` },
    ];
  }
  for (const entry of entries) {
    if (without.includes(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(path)));
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path)))) found.push({ path, kind: 'state' });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** The directories that files are in, the outermost first, as they are on this machine; without the root. */
export async function directoriesOf(files: readonly KitFile[]): Promise<readonly KitFile[]> {
  const paths = new Set<string>();
  for (const { path } of files) for (let up = dirname(path); up !== '/'; up = dirname(up)) paths.add(up);
  const directories: KitFile[] = [];
  for (const path of [...paths].sort()) {
    const { mode, uid, gid, mtimeMs } = await stat(path);
    directories.push({ path, kind: 'state', mode: mode & 0o7777, uid, gid, mtime: Math.floor(mtimeMs / 1000) });
  }
  return directories;
}

const ABSENT = 'is not there';

/** The file, or why it cannot be had. */
async function readFileOnce({ path, kind }: WantedFile): Promise<KitFile | string> {
  // Without blocking: a named pipe in its place would make us wait for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? ABSENT : `cannot be read (${error.code})`;
  });
  if (typeof handle === 'string') return handle;
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) return 'is not a regular file';
    if (facts.size > LARGEST_BYTES) return `has ${facts.size} bytes, more than a kit takes`;
    const { mode, uid, gid, mtimeMs } = facts;
    return { path, kind, content: await handle.readFile(), mode: mode & 0o7777, uid, gid, mtime: mtimeMs / 1000 };
  } finally {
    await handle.close();
  }
}
