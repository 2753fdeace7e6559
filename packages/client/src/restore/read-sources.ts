// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { isRestoreTarName, SPOOL_RESTORE } from '@local-backup/common/restore-tar';
import { manifestName, SPOOL_DONE } from '@local-backup/common/spool';
import { readManifest, readRestoreManifest } from '../read-manifest.ts';
import type { SpoolSource } from './choose-source.ts';

/** Everything in the spool that a service can be restored from. What has no manifest is not whole, and left out. */
export async function readSpoolSources(spool: string, log: Log): Promise<readonly SpoolSource[]> {
  const sources: SpoolSource[] = [];
  for (const directory of [join(spool, SPOOL_RESTORE), spool, join(spool, SPOOL_DONE)]) {
    for (const name of await namesIn(directory)) {
      const source = await readSource(join(directory, name), name).catch((error: unknown) => {
        log.warn(`Left out: ${describeError(error)}`);
        return undefined;
      });
      if (source !== undefined) sources.push(source);
    }
  }
  return sources;
}

/**
 * What a file is that is named as the source, or lies in the spool; undefined for what is no source at all.
 * @throws BackupError where it is one and its manifest cannot be read
 */
export async function readSource(path: string, name: string): Promise<SpoolSource | undefined> {
  const isArchive = parseArchiveName(name) !== undefined;
  if (!isArchive && !isRestoreTarName(name)) return undefined;
  const facts = await lstat(path).catch(() => undefined);
  const manifest = await lstat(manifestName(path)).catch(() => undefined);
  if (!facts?.isFile() || manifest === undefined) return undefined;
  if (isArchive) {
    const { services, created } = await readManifest(manifestName(path));
    return { kind: 'archive', path, time: Date.parse(created), services };
  }
  const { service, created, tar } = await readRestoreManifest(manifestName(path));
  if (tar !== name)
    throw new BackupError('untrusted', `${manifestName(path)} is the manifest of another file, ${tar}.`);
  return { kind: 'sent', path, time: Date.parse(created), services: [service] };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `Cannot look into ${directory}: ${error.message}`, { cause: error });
  });
}
