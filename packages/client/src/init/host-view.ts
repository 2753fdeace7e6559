// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Dirent } from 'node:fs';
import { lstat, open, readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Tools } from '@local-backup/common/config/tools';
import type { Run } from '@local-backup/common/exec';
import { findProgram } from '@local-backup/common/find-program';

/** What `init` looks at: paths are those of the host, whatever directory stands for it. */
export interface HostView {
  readonly exec: Run;
  readonly tools: Tools;
  /** Aborted when the look has taken too long. */
  readonly signal: AbortSignal;
  /** Where a path of the host really is; another one in tests only. */
  readonly at: (path: string) => string;
  /** The file that a program would be started from. */
  readonly findProgram: (name: string) => Promise<string | undefined>;
  readonly isDirectory: (path: string) => Promise<boolean>;
  /** A regular file, links followed. */
  readonly isFile: (path: string) => Promise<boolean>;
  readonly isSocket: (path: string) => Promise<boolean>;
  /** The path that a link leads to, links at its end followed; the path itself where it is none. */
  readonly resolve: (path: string) => Promise<string>;
  /** The entries by name; none where it cannot be read or is no directory. */
  readonly list: (path: string) => Promise<readonly Dirent[]>;
  /** The beginning of a regular file, at most so many bytes; undefined where there is none. */
  readonly read: (path: string, maxBytes?: number) => Promise<string | undefined>;
}

/** A configuration file that is longer is read as far as this, in bytes. */
const READ_BYTES = 256 * 1024;

/** More entries than that are not a directory whose names anybody chose. */
const MOST_ENTRIES = 10_000;

/** The host below a directory: `/`, but for tests. */
export function viewHost(root: string, { exec, tools, signal }: Pick<HostView, 'exec' | 'tools' | 'signal'>): HostView {
  const at = (path: string) => (root === '/' ? path : join(root, path));
  const look = (path: string) => stat(at(path)).catch(() => undefined);
  return {
    exec: (program, args, options) => exec(program, args, { ...options, signal }),
    tools,
    signal,
    at,
    findProgram: (name) => findProgram(name),
    isDirectory: async (path) => (await look(path))?.isDirectory() ?? false,
    isFile: async (path) => (await look(path))?.isFile() ?? false,
    isSocket: async (path) => (await look(path))?.isSocket() ?? false,
    resolve: (path) => resolveLink(at, path),
    list: async (path) => {
      const entries = await readdir(at(path), { withFileTypes: true }).catch(() => []);
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MOST_ENTRIES);
    },
    read: (path, maxBytes = READ_BYTES) => readBeginning(at(path), maxBytes),
  };
}

/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

async function resolveLink(at: (path: string) => string, path: string): Promise<string> {
  let resolved = path;
  for (let count = 0; count < MOST_LINKS; count += 1) {
    const target = await readlink(at(resolved)).catch(() => undefined);
    if (target === undefined) return resolved;
    resolved = resolve(dirname(resolved), target);
  }
  return path;
}

async function readBeginning(file: string, maxBytes: number): Promise<string | undefined> {
  const stats = await lstat(file).catch(() => undefined);
  // A FIFO would never be opened.
  if (stats === undefined || !(stats.isFile() || stats.isSymbolicLink())) return undefined;
  if (!(await stat(file).catch(() => undefined))?.isFile()) return undefined;
  const handle = await open(file, 'r').catch(() => undefined);
  try {
    if (handle === undefined) return undefined;
    const buffer = Buffer.alloc(maxBytes);
    let length = 0;
    // Files of /proc come in pieces.
    for (let count = -1; count !== 0 && length < maxBytes; length += count) {
      count = (await handle.read(buffer, length, maxBytes - length, null)).bytesRead;
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    await handle?.close();
  }
}
