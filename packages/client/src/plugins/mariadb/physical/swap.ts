// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { chmod, chown, copyFile, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fsyncDirectory } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import { mapParallel } from '@local-backup/common/parallel';
import * as z from 'zod';

/** How one data directory takes the place of another, as it is remembered. */
export const swapSchema = z.strictObject({
  datadir: z.string(),
  /** Beside it: where the new one is put together. */
  fresh: z.string(),
  /** Beside it: where the old one goes; null where there was none. */
  aside: z.string().nullable(),
  /** Which directory the new one is, once it is whole: where there was none before, it tells ours from what somebody else has made. */
  made: z.string().nullable(),
});

export type Swap = z.infer<typeof swapSchema>;

/** Names that nothing has yet, beside the data directory. */
export async function newSwap(datadir: string): Promise<Swap> {
  const id = randomBytes(4).toString('hex');
  const isThere = (await lstat(datadir).catch(() => undefined)) !== undefined;
  return { datadir, fresh: `${datadir}.new-${id}`, aside: isThere ? `${datadir}.kept-${id}` : null, made: null };
}

/** Of a directory, by which it is known after it was renamed; undefined where it is not there. */
export async function identityOf(path: string): Promise<string | undefined> {
  const facts = await lstat(path, { bigint: true }).catch(() => undefined);
  // The number of one that was removed is given to the next one.
  return facts === undefined ? undefined : `${facts.ino}:${facts.birthtimeNs}`;
}

/** Owner of the files, and mode of the directory. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Files that are copied at the same time: waiting for the disk is most of it. */
const COPIED_AT_ONCE = 8;

/** Bytes that are read at once. */
const PORTION = 1024 * 1024;

/**
 * Copies files into a directory that must not exist.
 * @param files relative to `from`
 * @param durable each of them is on disk when the promise resolves
 */
export async function copyData(
  { from, to }: { readonly from: string; readonly to: string },
  files: readonly string[],
  { owner, signal, durable }: { readonly owner: Owner; readonly signal: AbortSignal; readonly durable: boolean },
): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  const directories = [...new Set(files.map((file) => dirname(file)))].filter((directory) => directory !== '.');
  for (const directory of directories) {
    await mkdir(join(to, directory), { recursive: true, mode: 0o700 });
    await chown(join(to, directory), owner.uid, owner.gid);
  }
  const failures: unknown[] = [];
  await mapParallel(files, COPIED_AT_ONCE, async (file) => {
    // What is in the making is finished before the failure is told: nobody writes there afterwards.
    if (failures.length > 0 || signal.aborted) return;
    await copyOne(join(from, file), join(to, file), { owner, signal, durable }).catch((error) => failures.push(error));
  });
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  if (durable) for (const directory of ['', ...directories]) await fsyncDirectory(join(to, directory));
  await chown(to, owner.uid, owner.gid);
  await chmod(to, owner.mode);
}

async function copyOne(
  from: string,
  to: string,
  { owner, signal, durable }: { readonly owner: Owner; readonly signal: AbortSignal; readonly durable: boolean },
): Promise<void> {
  if (!(await lstat(from)).isFile()) throw new BackupError('untrusted', `${from} in the copy is no regular file.`);
  const clone = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE;
  await copyFile(from, to, clone).catch(async () => {
    // copyFile would go on to the end of a file of 100 GB, whoever interrupts it.
    const given = { highWaterMark: PORTION };
    await pipeline(createReadStream(from, given), createWriteStream(to, { ...given, flags: 'wx' }), { signal });
  });
  await chmod(to, 0o660);
  await chown(to, owner.uid, owner.gid);
  if (!durable) return;
  const handle = await open(to, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts the new directory in the place of the old one.
 * @param requireUnused throws where somebody uses the directory: of the old one it is asked when nobody can begin to any more
 * @throws BackupError `failed` where it cannot be moved
 */
export async function swapIn(
  { datadir, fresh, aside }: Swap,
  requireUnused: (directory: string) => Promise<void>,
): Promise<void> {
  if (aside !== null) {
    await rename(datadir, aside).catch((error: Error) => {
      throw new BackupError(
        'failed',
        `${datadir} cannot be moved aside: ${error.message}. Is a file system mounted on it?`,
      );
    });
    await requireUnused(aside);
  }
  await rename(fresh, datadir);
  await fsyncDirectory(dirname(datadir));
}

/** Undoes {@link swapIn}, however far it came; what was put there is removed. Safe to call twice. */
export async function swapBack({ datadir, fresh, aside, made }: Swap): Promise<void> {
  const isThere = async (path: string) => (await lstat(path).catch(() => undefined)) !== undefined;
  const wasPut = aside === null ? made !== null && (await identityOf(datadir)) === made : await isThere(aside);
  if (wasPut) {
    if (await isThere(datadir)) {
      await rm(fresh, { recursive: true, force: true });
      await rename(datadir, fresh);
    }
    if (aside !== null) await rename(aside, datadir);
    await fsyncDirectory(dirname(datadir));
  }
  await rm(fresh, { recursive: true, force: true });
}

/** What is wrong with a directory to be replaced; undefined where nothing is. */
export async function placeComplaint(datadir: string): Promise<string | undefined> {
  const above = await lstat(dirname(datadir)).catch(() => undefined);
  if (above === undefined) return `${dirname(datadir)} does not exist.`;
  const facts = await lstat(datadir).catch(() => undefined);
  if (facts === undefined) return undefined;
  if (!facts.isDirectory()) return `${datadir} is no directory.`;
  if (facts.dev !== above.dev) {
    return (
      `A file system is mounted on ${datadir}, so it cannot be moved aside. Put the files back by hand (README of the plugin), ` +
      `or let the server have its data in a directory below, ${join(datadir, basename(datadir))}.`
    );
  }
  return undefined;
}
