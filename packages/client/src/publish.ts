// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { chmod, lchown, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fsyncDirectory, isUnfinishedName, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import {
  entryListName,
  isPartialName,
  manifestName,
  partialName,
  SPOOL_DONE,
  SPOOL_WANT_FULL,
} from '@local-backup/common/spool';
import { expiredArchives, type SpoolFile, unpublishedLeftovers } from './keep.ts';
import { sweepWorkDirectories } from './stage.ts';

/** Numeric owner of what the server may fetch. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Files of the spool can be read by the server's account (backup_user) and its group, by nobody else. */
const ARCHIVE_MODE = 0o640;
/**
 * Set-gid, so that what the server's account makes there belongs to the group too. Sticky, so that this account can
 * replace only what is its own: published archives, never a file that root is still writing (docs/design.md, "Spool").
 */
const SPOOL_MODE = 0o3770;
/** Directories above the spool that are missing: the server's account has to get through them. */
const PARENT_MODE = 0o755;

/** Creates the spool and its `done/` where they are missing, with the owner and modes that the server needs. */
export async function ensureSpool(spool: string, owner: Owner, log: Log): Promise<void> {
  await makeDirectory(spool, { uid: 0, gid: owner.gid }, log);
  await makeDirectory(join(spool, SPOOL_DONE), owner, log);
}

async function makeDirectory(path: string, { uid, gid }: Owner, log: Log): Promise<void> {
  await makeParents(dirname(path));
  await mkdir(path, { mode: SPOOL_MODE }).catch(ignoreExisting);
  try {
    // Never through a link: the server's account may have put one there to have root give away what it points to.
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await handle.chown(uid, gid);
      await handle.chmod(SPOOL_MODE);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const message = `Cannot set owner and mode of ${path}: ${String(error)}. The server may not be able to fetch from it.`;
    if (isNoDirectory(error)) throw new BackupError('failed', `${path} is not a directory. Remove it by hand.`);
    log.warn(message);
  }
}

async function makeParents(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: PARENT_MODE }).catch((cause: Error) => {
    throw new BackupError('failed', `Cannot create ${path}: ${cause.message}`, { cause });
  });
  if (first === undefined) return;
  // Whatever the umask is, from the first directory that was made down to the last.
  for (let made = path; made.startsWith(first); made = dirname(made)) await chmod(made, PARENT_MODE);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST')
    throw new BackupError('failed', `Cannot create the spool: ${error.message}`, { cause: error });
}

function isNoDirectory(error: unknown): boolean {
  return ['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Removes what runs that were killed have left: work directories, partial files, archives that were never published.
 * @param needed paths in work directories that have to stay
 */
export async function sweepSpool(
  spool: string,
  hostname: string,
  log: Log,
  needed: readonly string[] = [],
): Promise<void> {
  const names = await readdir(spool);
  const unfinished = names.filter((name) => isPartialName(name) || isUnfinishedName(name));
  const files = [...unfinished, ...unpublishedLeftovers(names, hostname)];
  for (const name of files) await rm(join(spool, name), { force: true });
  const swept = [...(await sweepWorkDirectories(spool, log, needed)), ...files.map((name) => join(spool, name))];
  for (const path of swept) log.warn(`Removed ${path}, left by a run that was killed.`, { path });
}

/**
 * Makes an archive visible to the server: entry list and archive get their names, then the manifest is written. Only
 * with the manifest is the archive published, so there is no moment at which half of it could be taken for the whole.
 */
export async function publish(spool: string, manifest: Manifest, owner: Owner): Promise<void> {
  const { archive } = manifest;
  for (const name of [entryListName(archive), archive]) {
    const partial = join(spool, partialName(name));
    // Root's until it has its name, and given away last, without following a link: nobody can have root give away
    // another file.
    await chmod(partial, ARCHIVE_MODE);
    await rename(partial, join(spool, name));
    await lchown(join(spool, name), owner.uid, owner.gid);
  }
  await fsyncDirectory(spool);
  // A manifest that the server would refuse must not be published as a success.
  const text = `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`;
  await writeFileAtomic(join(spool, manifestName(archive)), text, { mode: ARCHIVE_MODE, ...owner });
  // The wish has been granted: this archive is a full one.
  await rm(join(spool, SPOOL_WANT_FULL), { force: true });
}

/** Removes archives that are older than `keepDays` (C30), manifest first; returns their names. */
export async function pruneSpool(spool: string, policy: { hostname: string; keepDays: number; now: Date }) {
  const expired = expiredArchives(await listSpool(spool), policy);
  for (const archive of expired) {
    for (const name of [manifestName(archive), archive, entryListName(archive)]) {
      await rm(join(spool, name), { force: true });
    }
  }
  return expired;
}

/**
 * The regular files directly in the spool, or in its `done/`; none where it does not exist yet.
 * @throws BackupError when it cannot be read
 */
export async function listSpool(spool: string): Promise<readonly (SpoolFile & { size: number })[]> {
  const names = await readdir(spool).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `Cannot read base_backup_dir ${spool}: ${error.message}`, { cause: error });
  });
  const files = await Promise.all(
    names.map(async (name) => {
      const found = await lstat(join(spool, name)).catch(() => undefined);
      return found?.isFile() ? [{ name, mtime: found.mtime, size: found.size }] : [];
    }),
  );
  return files.flat();
}
