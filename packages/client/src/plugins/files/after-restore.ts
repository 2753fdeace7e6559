// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Check } from '../../plugin-copy.ts';
import { bytesBelow } from '../../plugin-tools/put-back/bytes-below.ts';
import type { Compared } from '../../plugin-tools/put-back/put-back.ts';

const MOST_NAMED = 10;

/** The coarsest time of a file system that files are put back onto (FAT: 2 s). */
const COARSEST_NS = 2_000_000_000n;

/**
 * Right after tar has put the files back, before anything is started: type, size, mode, owner and time of each are those
 * of the copy. Contents are not read again: tar tells what it cannot write, and a second reading would only see the cache.
 * @param since when it was begun, in milliseconds since 1970: what was written later, somebody else has written
 * @returns warnings about what others have changed meanwhile
 * @throws BackupError `failed` with files that are not as they were saved
 */
export async function requireSame(found: readonly Compared[], since: number): Promise<readonly string[]> {
  const [wrong, changed]: [string[], string[]] = [[], []];
  for (const { tree, compared } of found) {
    for (const path of compared.restored) {
      const copy = await lstat(bytesBelow(tree.data, path), { bigint: true });
      const host = await look(tree.root, path);
      const name = `/${displayPath(path)}`;
      // A time of now in the place of the saved one: written, or removed, by somebody who was not stopped.
      const isTheirs = host === undefined || (host.mtimeMs >= BigInt(since) && host.mtimeNs !== copy.mtimeNs);
      if (isTheirs) changed.push(name);
      else wrong.push(...differences(copy, host).map((what) => `${name}: ${what}`));
    }
  }
  if (wrong.length > 0) {
    throw new BackupError('failed', `Put back, and not as they were saved: ${wrong.slice(0, MOST_NAMED).join('; ')}`);
  }
  if (changed.length === 0) return [];
  const names = changed.slice(0, MOST_NAMED).join(', ');
  return [
    `${changed.length} files were changed by others while they were put back. What has not been stopped? ${names}`,
  ];
}

/** What a program at work cannot have done without leaving a new time. */
function differences(copy: BigIntStats, host: BigIntStats): readonly string[] {
  const isSame = (key: 'mode' | 'uid' | 'gid' | 'size') => copy[key] === host[key];
  if (typeOf(copy) !== typeOf(host)) return ['it is of another type'];
  const [late, early] = copy.mtimeNs > host.mtimeNs ? [copy, host] : [host, copy];
  return [
    ...(copy.isDirectory() || isSame('size') ? [] : [`${host.size} of ${copy.size} bytes`]),
    ...(copy.isSymbolicLink() || isSame('mode') ? [] : ['other rights']),
    ...(isSame('uid') && isSame('gid') ? [] : ['another owner']),
    // Others may have made or removed something in a directory.
    ...(copy.isDirectory() || late.mtimeNs - early.mtimeNs < COARSEST_NS ? [] : ['another time']),
  ];
}

/** The bits of the type (inode(7), S_IFMT). */
function typeOf({ mode }: BigIntStats): bigint {
  return mode & 0o170_000n;
}

/**
 * The paths of the service while it runs: each is there. What is in them is the service's by now; how much of what was
 * put back is still there is told.
 * @param data the `data` of the copy
 */
export async function verifyPaths(data: string, paths: readonly BytePath[]): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const path of paths) {
    const name = `/${displayPath(path)}`;
    const [copy, host] = [await look(data, path), await look('/', path)];
    if (copy === undefined) continue;
    if (host === undefined) checks.push({ name, status: 'failed', message: 'it is not there' });
    else if (typeOf(copy) !== typeOf(host)) checks.push({ name, status: 'failed', message: 'it is of another type' });
    else checks.push({ name, status: 'ok', message: await countThere(data, path) });
  }
  return checks;
}

async function countThere(data: string, path: BytePath): Promise<string> {
  let [all, there] = [0, 0];
  const visit = async (at: BytePath): Promise<void> => {
    all += 1;
    if ((await look('/', at)) !== undefined) there += 1;
    if (!(await look(data, at))?.isDirectory()) return;
    for (const name of await readdir(bytesBelow(data, at), { encoding: 'buffer' })) {
      await visit(`${at}/${name.toString('latin1')}` as BytePath);
    }
  };
  await visit(path);
  return `${there} of ${all} files and directories are there`;
}

async function look(root: string, path: BytePath): Promise<BigIntStats | undefined> {
  return lstat(bytesBelow(root, path), { bigint: true }).catch(() => undefined);
}
