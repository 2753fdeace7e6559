// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { BackupError } from '@local-backup/common/errors';
import type { Manifest } from '@local-backup/common/manifest';
import { entryListName } from '@local-backup/common/spool';
import { partOf } from './fetch.ts';
import type { SpoolArchive } from './spool-contents.ts';

/** Files of one archive in the host's work directory. */
export interface WorkFiles {
  readonly archive: string;
  readonly entryList: string;
}

/** `<archive>[.entries.gz].<16 hex digits of its hash>[.partial]` */
const OWN_NAME = /^(.+\.tar\.gz)(?:\.entries\.gz)?\.(?:[0-9a-f]{16}|unknown)(?:\.partial)?$/;

/** A directory in the work directory that the unpacking child gets its file system mounted on. */
const SANDBOX = 'sandbox';

/**
 * Where the files of an archive go while they are worked on. The hash is part of the name, so that what an earlier run
 * left can only be taken for a part of the very same file.
 */
export function workFilesOf(directory: string, archive: SpoolArchive, manifest: Manifest | undefined): WorkFiles {
  const fileOf = (name: string, sha256 = 'unknown') => join(directory, `${name}.${sha256.slice(0, 16)}`);
  return {
    archive: fileOf(archive.name, manifest?.sha256),
    entryList: fileOf(entryListName(archive.name), manifest?.entryList.sha256),
  };
}

/**
 * Makes the directory ready for these files: those of other archives, left by earlier runs, are removed.
 * @throws BackupError `config` where somebody else owns the directory
 */
export async function prepareWorkDirectory(directory: string, { archive, entryList }: WorkFiles): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await requireOwn(directory);
  await chmod(directory, 0o700);
  await removeOwnFiles(directory, [archive, partOf(archive), entryList, partOf(entryList)]);
}

/** The empty directory for {@link SandboxPlace}. */
export async function prepareSandbox(directory: string): Promise<string> {
  const sandbox = join(directory, SANDBOX);
  await mkdir(sandbox, { recursive: true, mode: 0o700 });
  return sandbox;
}

/** Removes what we put there, and the directory itself unless somebody else put something into it. */
export async function removeWorkFiles(directory: string): Promise<void> {
  await removeOwnFiles(directory, []);
  await rmdir(join(directory, SANDBOX)).catch(ignoreMissing);
  await rmdir(directory).catch(ignoreMissing);
}

async function requireOwn(directory: string): Promise<void> {
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === process.geteuid?.()) return;
  const reason = `${directory} is not a directory of ours: somebody else could change archives in there`;
  throw new BackupError('config', `${reason}. Remove it, or set another local_temp_base_dir.`);
}

async function removeOwnFiles(directory: string, kept: readonly string[]): Promise<void> {
  const names = await readdir(directory).catch(ignoreMissing);
  const own = (names ?? []).filter(isOwnName).map((name) => join(directory, name));
  for (const file of own) if (!kept.includes(file)) await rm(file);
}

function isOwnName(name: string): boolean {
  return parseArchiveName(OWN_NAME.exec(name)?.[1] ?? '') !== undefined;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
  return undefined;
}
