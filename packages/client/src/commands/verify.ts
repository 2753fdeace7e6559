// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import { entryListName, manifestName } from '@local-backup/common/spool';
import { verifyArchive } from '../verify.ts';
import { type GlobalOptions, openSession } from './session.ts';

/**
 * `backup-client verify ARCHIVE`: reads an archive back, whole, and compares every entry with its entry list.
 * @param archive a path, or the name of an archive in the spool
 * @throws BackupError `untrusted` with the first difference
 */
export async function verifyCommand(
  global: GlobalOptions,
  archive: string,
  print: (text: string) => void,
): Promise<void> {
  const { config } = await openSession(global);
  const path = archive.includes('/') ? archive : join(config.baseBackupDir, archive);
  if (parseArchiveName(basename(path)) === undefined) {
    throw new BackupError(
      'usage',
      `${archive} is not an archive: their names are <hostname>-<YYYYmmdd_HHMMSS>.tar.gz.`,
    );
  }
  const beside = (name: string) => join(dirname(path), name);
  const manifest = await readManifest(beside(manifestName(basename(path))));
  await verifyArchive({ archive: path, entryList: beside(entryListName(basename(path))), manifest });
  const { files, bytes } = manifest.totals;
  print(`${path} is whole: ${files} files, ${formatBytes(bytes)}; every one as it was read.\n`);
}

async function readManifest(file: string): Promise<Manifest> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new BackupError(
      'failed',
      `Cannot read the manifest ${file}: ${cause.message}. Without it nothing can be verified.`,
      { cause },
    );
  });
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError('untrusted', `${file} is not a manifest of this program: ${String(cause)}`, { cause });
  }
}
