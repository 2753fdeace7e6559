// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import { SPOOL_RESTORE } from '@local-backup/common/restore-tar';
import { SPOOL_DONE } from '@local-backup/common/spool';
import { type ChosenSource, chooseSource, serviceIn } from './choose-source.ts';
import { type FoundDirectory, findInDirectory } from './directory-source.ts';
import { readSource, readSpoolSources } from './read-sources.ts';

/** Where a service is restored from. */
export type FoundCopy =
  | { readonly kind: 'directory'; readonly found: FoundDirectory; readonly described: string }
  | { readonly kind: 'file'; readonly chosen: ChosenSource; readonly described: string };

/**
 * What `--from` names, or else the newest in the spool.
 * @param from a directory, an archive or a tar file that the server has sent; of the files in the spool the name is enough
 * @param wanted `name` or `type/name`
 * @throws BackupError `usage` where there is none
 */
export async function findCopy(
  from: string | undefined,
  wanted: string,
  { spool, hostname, log }: { readonly spool: string; readonly hostname: string; readonly log: Log },
): Promise<FoundCopy> {
  if (from === undefined)
    return fileCopy(chooseSource(await readSpoolSources(spool, log), wanted, { spool, hostname }));
  if (from === '') throw new BackupError('usage', '--from names nothing. Is a variable of the shell not set?');
  const path = await locate(from, spool);
  if (path === undefined) {
    const where = from.includes('/') ? '' : `, neither here nor in ${spool}, its ${SPOOL_DONE}/ or ${SPOOL_RESTORE}/`;
    throw new BackupError('usage', `There is no ${showControls(from)}${where}. See: backup-client list`);
  }
  if ((await lstat(path)).isFile()) return fileCopy(await chosenFile(path, wanted));
  const found = await findInDirectory(path, wanted);
  return { kind: 'directory', found, described: `the directory ${showControls(found.directory)} (as asked)` };
}

function fileCopy(chosen: ChosenSource): FoundCopy {
  return { kind: 'file', chosen, described: `${showControls(chosen.source.path)} (${chosen.why})` };
}

async function chosenFile(path: string, wanted: string): Promise<ChosenSource> {
  const source = await readSource(path, basename(path));
  if (source === undefined) {
    throw new BackupError(
      'usage',
      `${showControls(path)} is neither an archive of this program nor a tar file that the server has sent, or its ` +
        'manifest (.json) is not beside it. Unpack it by yourself, and give the directory with --from.',
    );
  }
  const service = serviceIn(source.services, wanted, path);
  if (service !== undefined) return { source, service, why: 'as asked' };
  const names = source.services.map(({ type, name }) => `${type}/${name}`).join(', ');
  throw new BackupError('usage', `${showControls(path)} holds no service ${wanted}. It holds: ${names}`);
}

async function locate(from: string, spool: string): Promise<string | undefined> {
  const inSpool = [spool, join(spool, SPOOL_DONE), join(spool, SPOOL_RESTORE)].map((directory) =>
    join(directory, from),
  );
  const candidates = from.includes('/') ? [resolve(from)] : [...inSpool, resolve(from)];
  for (const candidate of candidates) {
    const facts = await lstat(candidate).catch(() => undefined);
    // What a link leads to counts where somebody has typed it; in the spool nothing is believed.
    if (facts !== undefined && (facts.isFile() || candidate === resolve(from))) return candidate;
  }
  return undefined;
}
