// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fsyncDirectory } from '@local-backup/common/atomic-file';
import * as z from 'zod';

/** What SQLite may keep beside a database, and the database itself, last: the order in which they are put back. */
const ENDS = ['-journal', '-wal', ''] as const;

/** Beside a database, made by SQLite for it and of no use to another one. */
const STALE = ['-journal', '-wal', '-shm'] as const;

const keptFile = z.strictObject({ end: z.enum(ENDS), mode: z.int(), uid: z.int(), gid: z.int() });

/** What was at a path before: enough to put it back. */
export const keptDatabase = z.strictObject({
  path: z.string(),
  /** Beginning of the names in the directory of kept files. */
  name: z.string(),
  /** Empty: nothing was there. */
  files: z.array(keptFile),
});

export type KeptDatabase = z.infer<typeof keptDatabase>;

/** Copies a database, with what SQLite keeps beside it, aside. The original stays where it is. */
export async function keep(path: string, kept: string, name: string): Promise<KeptDatabase> {
  const files: KeptDatabase['files'] = [];
  for (const end of ENDS) {
    const facts = await stat(path + end).catch(() => undefined);
    // A pipe that somebody has put in the place of a `-wal` would be read for ever.
    if (facts?.isFile() !== true) continue;
    await copySynced(path + end, join(kept, name + end), { uid: 0, gid: 0, mode: 0o600 });
    files.push({ end, mode: facts.mode & 0o777, uid: facts.uid, gid: facts.gid });
  }
  await fsyncDirectory(kept);
  return { path, name, files };
}

/** Puts back what {@link keep} has kept. */
export async function putBack({ path, name, files }: KeptDatabase, kept: string): Promise<void> {
  await rm(temporaryOf(path), { force: true });
  for (const end of STALE) await rm(path + end, { force: true });
  for (const { end, ...owner } of files) await replaceFile(join(kept, name + end), path + end, owner);
  if (!files.some(({ end }) => end === '')) await rm(path, { force: true });
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Puts a database in the place of another one: there is the old or the new one at any moment, never half of one. What
 * SQLite kept beside the old one goes first: the new one would be mended with it.
 */
export async function replaceDatabase(source: string, path: string, owner: Owner): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await copySynced(source, temporaryOf(path), owner);
  for (const end of STALE) await rm(path + end, { force: true });
  await rename(temporaryOf(path), path);
  await fsyncDirectory(dirname(path));
}

async function replaceFile(source: string, path: string, owner: Owner): Promise<void> {
  await copySynced(source, temporaryOf(path), owner);
  await rename(temporaryOf(path), path);
  await fsyncDirectory(dirname(path));
}

/** One name per database: what a killed restore has left is replaced by the next one. */
function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.restore.tmp`);
}

const CHUNK = 1024 * 1024;

async function copySynced(source: string, target: string, { uid, gid, mode }: Owner): Promise<void> {
  // Whatever is there, a link of somebody else's included, is not written through.
  if ((await lstat(target).catch(() => undefined)) !== undefined) await rm(target);
  // One descriptor for all of it: the owner of the directory may put another file under this name meanwhile.
  const handle = await open(target, 'wx', 0o600);
  try {
    for await (const chunk of createReadStream(source, { highWaterMark: CHUNK })) await handle.appendFile(chunk);
    if (process.getuid?.() === 0) await handle.chown(uid, gid);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
