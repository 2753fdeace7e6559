// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { whoHasOpen } from '../../../plugin-tools/open-files.ts';

/** Files that every server holds open, and locked, while it runs. */
const HELD = ['ibdata1', 'aria_log_control'];

/**
 * Programs that use a data directory: those that have its files open and, as a unit without CAP_SYS_PTRACE cannot see that,
 * those that have them locked.
 * @returns `mariadbd (process 123)`, each once
 */
export async function holdersOf(datadir: string): Promise<readonly string[]> {
  const files = HELD.map((name) => join(datadir, name));
  const open = await whoHasOpen(files);
  return open.length > 0 ? open : await lockHolders(files);
}

async function lockHolders(files: readonly string[]): Promise<readonly string[]> {
  const inodes = new Set<string>();
  for (const file of files) {
    const facts = await stat(file, { bigint: true }).catch(() => undefined);
    if (facts !== undefined) inodes.add(String(facts.ino));
  }
  const holders = new Set<string>();
  for (const { pid, inode } of parseLocks(await readFile('/proc/locks', 'utf8').catch(() => ''))) {
    if (!inodes.has(inode)) continue;
    const command = (await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '')).trim();
    // Inodes are numbered anew on each file system, and the number of that is another one in here with btrfs and overlayfs.
    if (/^(?:mariadb|mysql)/.test(command)) holders.add(`${command} (process ${pid})`);
  }
  return [...holders];
}

/** Locks of programs, as proc_locks(5) has them: `1: POSIX  ADVISORY  WRITE 6827 fe:00:2150079 0 EOF`. */
export function parseLocks(text: string): readonly { readonly pid: string; readonly inode: string }[] {
  const found = text.matchAll(/^\d+:\s+\w+\s+\w+\s+\w+\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/gm);
  return [...found].map(([, pid = '', inode = '']) => ({ pid, inode }));
}
