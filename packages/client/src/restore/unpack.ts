// SPDX-License-Identifier: AGPL-3.0-or-later

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { ManifestService } from '@local-backup/common/manifest';
import { entryListName, manifestName } from '@local-backup/common/spool';
import { TAR_UNPACKING } from '@local-backup/common/tar-options';
import { readManifest, readRestoreManifest } from '../read-manifest.ts';
import { verifyArchive } from '../verify.ts';
import type { ServiceCopy } from '../verify-copy.ts';
import type { ChosenSource } from './choose-source.ts';
import { createArchiveJudge, verifySentTar } from './sent-tar.ts';

export interface UnpackIo {
  readonly run: Run;
  /** GNU tar and its first arguments. */
  readonly tar: readonly string[];
  readonly timeoutMs: number;
  readonly minFreeBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Every option is about getting back what was saved. Into an empty directory that only root can enter: what a hostile
 * archive could do with links, GNU tar refuses to do, and the archive has been read before.
 */
const EXTRACT = ['--extract', '--file=-', ...TAR_UNPACKING];

/**
 * Reads a source whole, compares it with what its manifest promises, and unpacks the one service out of it.
 * @param into an empty directory, mode 0700; gets `<type>/<name>`
 * @throws BackupError `untrusted` where it is not what it should be, `failed` where there is no room
 */
export async function unpackSource(
  { source, service }: ChosenSource,
  into: string,
  io: UnpackIo,
): Promise<ServiceCopy> {
  const { path, kind } = source;
  await requireRoom(into, service, io.minFreeBytes);
  const handle = await openPlain(path);
  try {
    const before = await handle.stat({ bigint: true });
    // The very file that was opened, whatever has its name by now.
    const opened = `/proc/self/fd/${handle.fd}`;
    if (kind === 'archive') await verifyOwn(path, { opened, service }, io.signal);
    else await verifySent(path, opened, io.signal);
    const [program = 'tar', ...first] = io.tar;
    const compressed = kind === 'archive' ? ['--gzip'] : [];
    await mkdir(join(into, service.type), { mode: 0o700 });
    await io.run(
      program,
      [...first, ...EXTRACT, ...compressed, `--directory=${into}`, `${service.type}/${service.name}`],
      { stdin: handle.fd, timeoutMs: io.timeoutMs, limitedBy: '`task_timeout`', signal: io.signal },
    );
    // Its owner, the server's account, could have written to it after it was read.
    const after = await handle.stat({ bigint: true });
    if (after.ctimeNs !== before.ctimeNs || after.size !== before.size) {
      throw new BackupError('untrusted', `${path} was changed while it was being unpacked. Try again.`);
    }
  } finally {
    await handle.close();
  }
  return { directory: join(into, service.type, service.name), manifest: service };
}

/** Of holes in sparse files nothing is known here: they count in full. */
async function requireRoom(
  into: string,
  { type, name, bytes, files }: ManifestService,
  reserve: number,
): Promise<void> {
  const { bavail, bsize } = await statfs(into);
  const needed = bytes + files * bsize + reserve;
  if (bavail * bsize >= needed) return;
  throw new BackupError(
    'failed',
    `Not enough room in ${showControls(into)} to unpack ${type}/${name}: ${formatBytes(needed)} are needed ` +
      `(${formatBytes(reserve)} of them have to stay free), ${formatBytes(bavail * bsize)} are free. Nothing was restored. ` +
      'Have it put into a directory on a larger disk with --to, and restore it --from there.',
  );
}

async function verifyOwn(
  path: string,
  { opened, service }: { readonly opened: string; readonly service: ManifestService },
  signal: AbortSignal,
): Promise<void> {
  const beside = (name: string) => join(dirname(path), name);
  const manifest = await readManifest(beside(manifestName(basename(path))));
  const entryList = beside(entryListName(basename(path)));
  const judge = createArchiveJudge(`${service.type}/${service.name}`);
  await naming(path, verifyArchive({ archive: opened, entryList, manifest, signal, judge }));
}

async function verifySent(path: string, opened: string, signal: AbortSignal): Promise<void> {
  const manifest = await readRestoreManifest(manifestName(path));
  await naming(path, verifySentTar(opened, manifest, signal));
}

/** The messages of those that read know no name but that of the open file. */
async function naming(path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof BackupError) || error.code === 'interrupted') throw error;
    throw new BackupError(error.code, `${showControls(path)}: ${error.message} Nothing was restored.`, {
      cause: error,
    });
  }
}

async function openPlain(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new BackupError('failed', `Cannot open ${showControls(path)}: ${cause.message}`, { cause });
    },
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new BackupError('untrusted', `${showControls(path)} is no regular file.`);
}
