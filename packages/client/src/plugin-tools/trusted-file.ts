// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Stats } from 'node:fs';
import { lstat, readlink, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/**
 * Makes sure that nobody but root (or the user that this program runs as) decides what is in a file that is going to be
 * run: the file, all links on the way to it, what they lead to, and all directories above belong to root and are writable by nobody
 * else. A directory with the sticky bit (`/tmp`) is good enough: in it nobody can replace what belongs to root.
 * @param file absolute path
 * @throws BackupError `config` that names the first thing that is open to others, and how to mend it
 */
export async function requireTrustedFile(file: string): Promise<void> {
  const real = await realpath(file).catch((cause) => {
    throw new BackupError('config', `${showControls(file)} cannot be looked at: ${String(cause)}`, { cause });
  });
  for (const path of [file, real]) {
    const complaint = await complaintAbout(path, path, new Set());
    if (complaint === undefined) continue;
    const name = showControls(file);
    throw new BackupError('config', `${name} is not run, because it would run as root and ${complaint}`);
  }
}

/** @param seen what was looked at already, with all that is above it: links may lead back */
async function complaintAbout(path: string, file: string, seen: Set<string>): Promise<string | undefined> {
  if (seen.has(path)) return undefined;
  seen.add(path);
  const stats = await lstat(path);
  const above = dirname(path);
  // Where several links follow each other, whoever can change one of them decides where the way ends.
  const next = stats.isSymbolicLink() ? [resolve(await realpath(above), await readlink(path)), above] : [above];
  const complaint = complaintOf(path, stats, path === file);
  if (complaint !== undefined) return complaint;
  for (const one of next) {
    const further = await complaintAbout(one, file, seen);
    if (further !== undefined) return further;
  }
  return undefined;
}

function complaintOf(path: string, stats: Stats, isFile: boolean): string | undefined {
  const name = showControls(path);
  const quoted = `'${name.replaceAll("'", "'\\''")}'`;
  if (stats.uid !== 0 && stats.uid !== process.geteuid?.()) {
    return `${name} belongs to user ${stats.uid}, who could change it. Run: chown -h root:root ${quoted}`;
  }
  if (stats.isSymbolicLink() || (stats.mode & 0o022) === 0) return undefined;
  if (!isFile && (stats.mode & 0o1000) !== 0) return undefined;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  return `${name} has mode ${mode}: others than its owner can write to it. Run: chmod go-w ${quoted}`;
}
