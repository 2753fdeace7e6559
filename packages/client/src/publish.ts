// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory, isUnfinishedName, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { Manifest } from '@local-backup/common/manifest';
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
/** Set-gid, so that what the server's account makes there belongs to the group too (docs/design.md, "Spool"). */
const SPOOL_MODE = 0o2770;

/** Creates the spool and its `done/` where they are missing, with the owner and modes that the server needs. */
export async function ensureSpool(spool: string, owner: Owner, log: Log): Promise<void> {
  await makeDirectory(spool, { uid: 0, gid: owner.gid }, log);
  await makeDirectory(join(spool, SPOOL_DONE), owner, log);
}

async function makeDirectory(path: string, { uid, gid }: Owner, log: Log): Promise<void> {
  await mkdir(path, { recursive: true, mode: SPOOL_MODE });
  try {
    await chown(path, uid, gid);
    await chmod(path, SPOOL_MODE);
  } catch (error) {
    log.warn(`Cannot set owner and mode of ${path}: ${String(error)}. The server may not be able to fetch from it.`);
  }
}

/** Removes what runs that were killed have left: work directories, partial files, archives that were never published. */
export async function sweepSpool(spool: string, hostname: string, log: Log): Promise<void> {
  const names = await readdir(spool);
  const unfinished = names.filter((name) => isPartialName(name) || isUnfinishedName(name));
  const files = [...unfinished, ...unpublishedLeftovers(names, hostname)];
  for (const name of files) await rm(join(spool, name), { force: true });
  const swept = [...(await sweepWorkDirectories(spool)), ...files.map((name) => join(spool, name))];
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
    await chown(partial, owner.uid, owner.gid);
    await chmod(partial, ARCHIVE_MODE);
    await rename(partial, join(spool, name));
  }
  await fsyncDirectory(spool);
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
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
