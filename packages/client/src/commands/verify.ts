// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { entryListName, manifestName, SPOOL_DONE } from '@local-backup/common/spool';
import { readManifest } from '../read-manifest.ts';
import { verifyArchive } from '../verify.ts';
import { type GlobalOptions, openConfig } from './session.ts';

/**
 * `backup-client verify ARCHIVE`: reads an archive back, whole, and compares every entry with its entry list.
 * @param archive a path, or the name of an archive in the spool or its `done/`
 * @throws BackupError `failed` where there is no such archive, `untrusted` with the first difference
 */
export async function verifyCommand(
  global: GlobalOptions,
  archive: string,
  print: (text: string) => void,
): Promise<void> {
  const config = await openConfig(global);
  const path = await findArchive(archive, config.baseBackupDir);
  const beside = (name: string) => join(dirname(path), name);
  const manifest = await readManifest(beside(manifestName(basename(path))));
  await verifyArchive({
    archive: path,
    entryList: beside(entryListName(basename(path))),
    manifest,
    signal: new AbortController().signal,
  });
  const { files, bytes } = manifest.totals;
  print(`${path} is whole: ${files} files, ${formatBytes(bytes)}; every one as it was read.\n`);
}

async function findArchive(archive: string, spool: string): Promise<string> {
  const name = basename(archive);
  if (parseArchiveName(name) === undefined) {
    throw new BackupError(
      'usage',
      `${archive} is not an archive: their names are <hostname>-<YYYYmmdd_HHMMSS>.tar.gz.`,
    );
  }
  const directories = archive.includes('/') ? [dirname(archive)] : [spool, join(spool, SPOOL_DONE)];
  const candidates = directories.map((directory) => join(directory, name));
  for (const candidate of candidates) if (await isRegularFile(candidate)) return candidate;
  for (const candidate of candidates) {
    if (!(await isRegularFile(manifestName(candidate)))) continue;
    throw new BackupError(
      'failed',
      `The archive ${candidate} is missing, though its manifest is there: somebody removed it, or the server is moving ` +
        'it to done/ right now. Try again, or make a new one: backup-client backup',
    );
  }
  throw new BackupError('failed', `There is no ${name} in ${directories.join(' or ')}. See: backup-client list`);
}

/** What is no regular file is not opened: a pipe would never end. */
async function isRegularFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isFile() ?? false;
}
