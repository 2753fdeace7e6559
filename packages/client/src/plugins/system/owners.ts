// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { displayPath, showControls } from '@local-backup/common/byte-path';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { bytesBelow } from '../../plugin-tools/put-back/bytes-below.ts';
import { type Difference, FILES } from './differences.ts';
import { LARGEST_LIST, someOf } from './lists.ts';

type Names = ReadonlyMap<number, string>;

/**
 * What is said about files whose owner or group was another account than the one that has its number here: owners are put
 * back as numbers, and cron, for one, ignores a crontab that is not its user's. Nothing where no accounts were saved.
 * @param root of the host
 */
export async function ownerWarnings(
  files: readonly Difference[],
  copy: string,
  root: string,
): Promise<readonly string[]> {
  const sides = async (name: string) => {
    const saved = join('etc', name);
    const file = await fileInCopy(copy, join(FILES, saved)).catch(() => undefined);
    return file === undefined ? undefined : { saved: await namesIn(file), now: await namesIn(join(root, saved)) };
  };
  const [users, groups] = [await sides('passwd'), await sides('group')];
  if (users === undefined || groups === undefined) return [];
  const strange: string[] = [];
  for (const { path } of files) {
    const { uid, gid } = await lstat(bytesBelow(join(copy, FILES), path));
    const names = [nameOfOther(uid, users), nameOfOther(gid, groups)].filter((name) => name !== undefined);
    if (names.length > 0) strange.push(`/${displayPath(path)}: ${names.join(':')}`);
  }
  if (strange.length === 0) return [];
  const what = `${strange.length} files belonged to accounts that are not here or have another number (${someOf(strange)})`;
  return [`${what}: make the accounts, then give the files to them by chown`];
}

/** The name that a number had; undefined where it has the same one here. */
function nameOfOther(id: number, { saved, now }: { readonly saved: Names; readonly now: Names }): string | undefined {
  const name = saved.get(id);
  if (name !== undefined && name === now.get(id)) return undefined;
  return name === undefined ? String(id) : showControls(name.slice(0, 50));
}

/** The names in passwd(5) or group(5) by number; none where there is no such file. */
async function namesIn(file: string): Promise<Names> {
  const facts = await lstat(file).catch(() => undefined);
  const isList = facts?.isFile() === true && facts.size <= LARGEST_LIST;
  const rows = (isList ? await readFile(file, 'utf8') : '').split('\n').map((line) => line.split(':'));
  return new Map(rows.flatMap(([name = '', , id]) => (id === undefined ? [] : [[Number(id), name]])));
}
