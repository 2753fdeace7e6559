// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Programs of this host, those in containers included, that have one of some files open.
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
  const holders: string[] = [];
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name) && Number(name) !== process.pid && (await holds(name, wanted))) {
      const command = await readFile(join('/proc', name, 'comm'), 'utf8').catch(() => '');
      holders.push(`${command.trim() || 'a program'} (process ${name})`);
    }
  }
  return holders;
}

async function holds(pid: string, wanted: ReadonlySet<string>): Promise<boolean> {
  const directory = join('/proc', pid, 'fd');
  // A process that is gone, or that belongs to somebody else where this program is not root.
  for (const name of await readdir(directory).catch(() => [])) {
    if (wanted.has((await identityOf(join(directory, name))) ?? '')) return true;
  }
  return false;
}

async function identityOf(file: string): Promise<string | undefined> {
  const facts = await stat(file, { bigint: true }).catch(() => undefined);
  return facts === undefined ? undefined : `${facts.dev}:${facts.ino}`;
}
