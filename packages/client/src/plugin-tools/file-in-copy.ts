// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

/** Row counts of some thousand tables are far below that. */
const LARGEST_RECORD = 64 * 1024 * 1024;

/**
 * A regular file of a copy that may be hostile: no link on the way to it is followed.
 * @param relative path below `copy`
 * @throws BackupError `untrusted` where it is missing, is no regular file, or lies behind a link
 */
export async function fileInCopy(copy: string, relative: string): Promise<string> {
  const file = join(copy, relative);
  const facts = await lstat(file).catch(() => undefined);
  if (facts === undefined) throw new BackupError('untrusted', `${showControls(relative)} is missing in the copy.`);
  const expected = join(await realpath(copy), relative);
  if (!facts.isFile() || (await realpath(file)) !== expected) {
    throw new BackupError('untrusted', `${showControls(relative)} in the copy is no regular file, or behind a link.`);
  }
  return file;
}

/**
 * What a plugin wrote down in a JSON file when it saved.
 * @throws BackupError `untrusted` where it is missing, too large (64 MiB), or does not hold what the schema says
 */
export async function readRecord<Value>(copy: string, relative: string, schema: z.ZodType<Value>): Promise<Value> {
  const handle = await open(await fileInCopy(copy, relative));
  try {
    if ((await handle.stat()).size > LARGEST_RECORD) throw new BackupError('untrusted', `${relative} is too large.`);
    return schema.parse(JSON.parse(await handle.readFile('utf8')));
  } catch (error) {
    if (error instanceof BackupError) throw error;
    const reason = error instanceof z.ZodError ? `\n${z.prettifyError(error)}` : ' It is not JSON; it may be cut off.';
    throw new BackupError('untrusted', `${relative} in the copy does not hold what this plugin writes.${reason}`, {
      cause: error,
    });
  } finally {
    await handle.close();
  }
}
