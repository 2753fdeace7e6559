// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, chown, copyFile, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
});

export type Swap = z.infer<typeof swapSchema>;

/** Names that nothing has yet, beside the data directory. */
export async function newSwap(datadir: string): Promise<Swap> {
  const id = randomBytes(4).toString('hex');
  const isThere = (await lstat(datadir).catch(() => undefined)) !== undefined;
  return { datadir, fresh: `${datadir}.new-${id}`, aside: isThere ? `${datadir}.kept-${id}` : null };
}

/** Owner of the files, and mode of the directory. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Files that are copied at the same time: waiting for the disk is most of it. */
const COPIED_AT_ONCE = 8;

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
    await copyOne(join(from, file), join(to, file), { owner, durable }).catch((error) => failures.push(error));
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
  { owner, durable }: { readonly owner: Owner; readonly durable: boolean },
): Promise<void> {
  if (!(await lstat(from)).isFile()) throw new BackupError('untrusted', `${from} in the copy is no regular file.`);
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
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
 * @throws BackupError `failed` where it cannot be moved
 */
export async function swapIn({ datadir, fresh, aside }: Swap): Promise<void> {
  if (aside !== null) {
    await rename(datadir, aside).catch((error: Error) => {
      throw new BackupError(
        'failed',
        `${datadir} cannot be moved aside: ${error.message}. Is a file system mounted on it?`,
      );
    });
  }
  await rename(fresh, datadir);
  await fsyncDirectory(dirname(datadir));
}

/** Undoes {@link swapIn}, however far it came; what was put there is removed. Safe to call twice. */
export async function swapBack({ datadir, fresh, aside }: Swap): Promise<void> {
  const isThere = async (path: string) => (await lstat(path).catch(() => undefined)) !== undefined;
  const moved = await isThere(aside ?? fresh);
  const wasPut = aside === null ? !moved : moved;
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
