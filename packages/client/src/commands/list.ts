// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { BackupError } from '@local-backup/common/errors';
import type { Manifest } from '@local-backup/common/manifest';
import { manifestName, SPOOL_DONE } from '@local-backup/common/spool';
import { listSpool } from '../publish.ts';
import { readManifest } from '../read-manifest.ts';
import { type ListedArchive, renderList } from '../render-list.ts';
import { type GlobalOptions, openConfig } from './session.ts';

/** `backup-client list`: the archives in the spool and in `done/`, newest first. */
export async function listCommand(global: GlobalOptions, print: (text: string) => void): Promise<void> {
  const config = await openConfig(global);
  const spool = config.baseBackupDir;
  const archives = [...(await archivesIn(spool, 'waiting')), ...(await archivesIn(join(spool, SPOOL_DONE), 'stored'))];
  print(global.json ? `${JSON.stringify(archives)}\n` : renderList(spool, archives));
}

async function archivesIn(directory: string, state: ListedArchive['state']): Promise<ListedArchive[]> {
  const files = await listSpool(directory);
  const archives = files
    .filter(({ name }) => parseArchiveName(name) !== undefined)
    .sort((a, b) => (a.name < b.name ? 1 : -1));
  return Promise.all(
    archives.map(async ({ name, size }) => ({
      name,
      bytes: size,
      state,
      ...summaryOf(await manifestOf(directory, name)),
    })),
  );
}

/** Undefined is shown as `no manifest`: the server does not see such an archive as published either. */
async function manifestOf(directory: string, archive: string): Promise<Manifest | undefined> {
  try {
    return await readManifest(join(directory, manifestName(archive)));
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}

function summaryOf(manifest: Manifest | undefined): Pick<ListedArchive, 'status' | 'files' | 'services'> {
  if (manifest === undefined) return { status: undefined, files: undefined, services: [] };
  const services = manifest.services.map(({ type, name, status }) => ({ name: `${type}/${name}`, status }));
  return { status: manifest.status, files: manifest.totals.files, services };
}
