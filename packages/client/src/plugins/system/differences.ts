// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { bytesBelow } from '../../plugin-tools/put-back/bytes-below.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { PLACES } from './inventory.ts';
import { type ByHand, type Restorable, wordOf } from './restorable.ts';

/** Directory of the files in the archive. */
export const FILES = 'system_files';

/** A file of the copy that is not on the host as it was saved. Times are not compared: packages bring their own. */
export interface Difference {
  /** Relative to the root. */
  readonly path: BytePath;
  readonly word: Restorable | ByHand;
  readonly isMissing: boolean;
}

/**
 * Compares the saved files with those of the host, parents first. Follows no link on either side.
 * @param root of the host
 * @throws BackupError `failed` where the copy is not as it was saved
 */
export async function findDifferences(copy: string, root: string): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  if ((await lstat(join(copy, FILES)).catch(() => undefined)) === undefined) return found;
  const places = [...new Set(Object.values(PLACES).flat())].sort();
  const outermost = places.filter((place) => !places.some((other) => place.startsWith(`${other}/`)));
  for (const place of outermost) {
    const path = bytePathOfText(place.slice(1));
    if ((await lstat(bytesBelow(join(copy, FILES), path)).catch(() => undefined)) === undefined) continue;
    const problem = await problemInCopy(copy, FILES, path);
    if (problem !== undefined) throw new BackupError('failed', `The copy is not whole: ${problem}.`);
    await compare(path, { saved: join(copy, FILES), root, found });
  }
  return found;
}

interface Sides {
  readonly saved: string;
  readonly root: string;
  readonly found: Difference[];
}

async function compare(path: BytePath, sides: Sides): Promise<void> {
  const [file, place] = [bytesBelow(sides.saved, path), bytesBelow(sides.root, path)];
  const saved = await lstat(file);
  const now = await lstat(place).catch(() => undefined);
  const word = wordOf(path);
  const isMissing = now === undefined;
  if (word !== undefined && (isMissing || !(await isSame({ file, facts: saved }, { file: place, facts: now })))) {
    sides.found.push({ path, word, isMissing });
  }
  if (!saved.isDirectory()) return;
  const names = await readdir(file, { encoding: 'latin1' });
  for (const name of names.sort()) await compare(`${path}/${name}` as BytePath, sides);
}

interface Side {
  readonly file: Buffer;
  readonly facts: Stats;
}

async function isSame(saved: Side, now: Side): Promise<boolean> {
  const [a, b] = [saved.facts, now.facts];
  // Type and permissions.
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.isSymbolicLink()) {
    const [one, other] = [await readlink(saved.file, 'buffer'), await readlink(now.file, 'buffer')];
    return one.equals(other);
  }
  if (!a.isFile()) return true;
  return a.size === b.size && (await readFile(saved.file)).equals(await readFile(now.file));
}
