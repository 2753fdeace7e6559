// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import { MANIFEST_MAX_BYTES, type Manifest, manifestSchema } from '@local-backup/common/manifest';
import { type RestoreManifest, restoreManifestSchema } from '@local-backup/common/restore-tar';

/**
 * Reads a manifest of the spool. The server's account may write there, so what stands in its place is not trusted:
 * links are not followed, a pipe is not waited for, and no more is read than a manifest can have.
 * @throws BackupError `failed` where it cannot be read, `untrusted` where it is no manifest
 */
export async function readManifest(file: string): Promise<Manifest> {
  const text = await readBounded(file);
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError('untrusted', `${file} is not a manifest of this program. Run a new backup.`, { cause });
  }
}

/**
 * Reads the manifest of a tar file that the server has sent, with the same care.
 * @throws BackupError `failed` where it cannot be read, `untrusted` where it is no manifest
 */
export async function readRestoreManifest(file: string): Promise<RestoreManifest> {
  const text = await readBounded(file);
  try {
    return restoreManifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError('untrusted', `${file} is not what a server sends with a tar file. Have it sent again.`, {
      cause,
    });
  }
}

async function readBounded(file: string): Promise<string> {
  const handle = await openFile(file);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new BackupError('untrusted', `${file} is not a regular file, so it is no manifest.`);
    if (stats.size > MANIFEST_MAX_BYTES) throw tooLarge(file, stats.size);
    return await readAll(file, handle);
  } finally {
    await handle.close();
  }
}

/** The file may grow while it is read. */
async function readAll(file: string, handle: FileHandle): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MANIFEST_MAX_BYTES) throw tooLarge(file, bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(file: string, bytes: number): BackupError {
  return new BackupError(
    'untrusted',
    `${file} has ${bytes} bytes; a manifest has at most ${MANIFEST_MAX_BYTES}. It is none of this program.`,
  );
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw new BackupError('untrusted', `${file} is a symbolic link, so it is no manifest.`);
    const reason = code === 'ENOENT' ? 'there is no such file' : message;
    throw new BackupError(
      'failed',
      `Cannot read the manifest ${file}: ${reason}. Without it nothing can be verified, and nothing is published.`,
      { cause },
    );
  }
}
