// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { showControls } from './byte-path.ts';
import { BackupError } from './errors.ts';

export interface AtomicFileOptions {
  /** Permission bits, whatever the umask is. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Writes a file so that after a crash at any moment there is either the old content or the new, whole, on disk when the
 * promise resolves. What is at `path`, a symlink too, is replaced and not followed.
 *
 * @throws BackupError `failed`; the old content is untouched then
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeWhole(temporary, data, options);
    await rename(temporary, path);
    await fsyncDirectory(directory);
  } catch (error) {
    // Whether or not that works, the first error is the one to be told.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new BackupError('failed', `Cannot write ${showControls(path)}: ${reasonOf(error)}`, { cause: error });
  }
}

/** True for the name that a file has while {@link writeFileAtomic} writes it; what `kill -9` left of it is rubbish. */
export function isUnfinishedName(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** Makes what was created, renamed or removed in a directory survive a power cut. */
export async function fsyncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Reads a file of ours.
 *
 * @throws BackupError `failed` where it is missing (its `cause` has the code ENOENT), cannot be read, or does not hold
 *   what the schema says: a damaged file is never the same as none
 */
export async function readJson<Value>(path: string, schema: z.ZodType<Value>): Promise<Value> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new BackupError('failed', `Cannot read ${showControls(path)}: ${reasonOf(error)}`, { cause: error });
  }
}

async function writeWhole(
  path: string,
  data: string | Uint8Array,
  { mode, uid, gid }: AtomicFileOptions,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(data);
    await giveAway(handle, uid, gid);
    // After chown, which takes set-id bits away.
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function giveAway(handle: FileHandle, uid: number | undefined, gid: number | undefined): Promise<void> {
  if (uid === undefined && gid === undefined) return;
  const { uid: ownUid, gid: ownGid } = await handle.stat();
  await handle.chown(uid ?? ownUid, gid ?? ownGid);
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return `it does not hold what it should.\n${z.prettifyError(error)}`;
  if (error instanceof SyntaxError) return 'it is not JSON; it may have been cut off or edited by hand.';
  return error instanceof Error ? error.message : String(error);
}
