// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mapParallel } from '@local-backup/common/parallel';

/** Processes. */
const LOOKED_AT_ONCE = 8;

/**
 * Programs of this host, those in containers included, that have one of some files open. Without CAP_SYS_PTRACE, as in
 * local-backup.service, nobody sees what the programs of other accounts have open: then those that have one of them locked, which
 * servers do for as long as they run.
 * @param files paths; one that does not exist is open nowhere
 * @returns `nginx (process 123)`, each once
 */
export async function whoHasOpen(files: readonly string[]): Promise<readonly string[]> {
  const wanted = new Set<string>();
  for (const file of files) {
    const identity = await identityOf(file);
    if (identity !== undefined) wanted.add(identity);
  }
  if (wanted.size === 0) return [];
  const pids: string[] = [];
  const others = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  await mapParallel(others, LOOKED_AT_ONCE, async (name) => {
    if (await holds(name, wanted)) pids.push(name);
  });
  return Promise.all((pids.length > 0 ? pids : await lockHolders(files)).map(describe));
}

async function describe(pid: string): Promise<string> {
  const command = await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '');
  return `${command.trim() || 'a program'} (process ${pid})`;
}

async function holds(pid: string, wanted: ReadonlySet<string>): Promise<boolean> {
  const directory = join('/proc', pid, 'fd');
  // A process that is gone, or that belongs to somebody else where this program may not look into it.
  for (const name of await readdir(directory).catch(() => [])) {
    if (wanted.has((await identityOf(join(directory, name))) ?? '')) return true;
  }
  return false;
}

async function identityOf(file: string): Promise<string | undefined> {
  const facts = await stat(file, { bigint: true }).catch(() => undefined);
  return facts === undefined ? undefined : `${facts.dev}:${facts.ino}`;
}

async function lockHolders(files: readonly string[]): Promise<readonly string[]> {
  const locks = parseLocks(await readFile('/proc/locks', 'utf8').catch(() => ''));
  const places = await Promise.all(files.map(placeOf));
  const pids = locks.filter(({ place }) => places.includes(place)).map(({ pid }) => pid);
  return [...new Set(pids)].filter((pid) => Number(pid) !== process.pid);
}

/** `fe:00:2150079` of a file: its device is that of its file system, where stat(2) has another one for subvolumes of btrfs. */
async function placeOf(file: string): Promise<string | undefined> {
  // A pipe would be waited for, until somebody writes into it.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { ino } = await handle.stat({ bigint: true });
    const [, mount = ''] = /^mnt_id:\s+(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8')) ?? [];
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    const [, major, minor] = new RegExp(`^${mount} \\d+ (\\d+):(\\d+) `, 'm').exec(mounts) ?? [];
    const device = [major, minor].map((number) => Number(number).toString(16).padStart(2, '0'));
    return `${device.join(':')}:${ino}`;
  } finally {
    await handle.close();
  }
}

/** Locks of programs, as proc_locks(5) has them: `1: POSIX  ADVISORY  WRITE 6827 fe:00:2150079 0 EOF`. */
export function parseLocks(text: string): readonly { readonly pid: string; readonly place: string }[] {
  const found = text.matchAll(/^\d+:\s+\w+\s+\w+\s+\w+\s+(\d+)\s+([0-9a-f]+:[0-9a-f]+:\d+)\s/gm);
  return [...found].map(([, pid = '', place = '']) => ({ pid, place }));
}
