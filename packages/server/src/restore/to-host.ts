// SPDX-License-Identifier: AGPL-3.0-or-later

import { createHash } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';
import type { Stream } from '@local-backup/common/exec';
import type { ManifestService } from '@local-backup/common/manifest';
import {
  type RestoreManifest,
  restoreManifestSchema,
  restoreTarName,
  SPOOL_RESTORE,
} from '@local-backup/common/restore-tar';
import { manifestName } from '@local-backup/common/spool';
import { TAR_FIDELITY } from '@local-backup/common/tar-options';
import type { Remote, UploadOptions } from '../remotes/remote.ts';

/** One service in a restored copy, and where it is from. */
export interface SentService {
  /** The root of the copy. */
  readonly tree: string;
  readonly service: ManifestService;
  readonly hostname: string;
  /** Of the archive, or of the snapshot. */
  readonly stamp: string;
  readonly snapshot: string;
}

export interface SendIo {
  readonly remote: Remote;
  readonly stream: Stream;
  /** GNU tar and its first arguments. */
  readonly tar: readonly string[];
  readonly timeoutMs: number;
  readonly upload: UploadOptions;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Told the bytes that are sent, as they go. */
  readonly onSent: (bytes: number) => void;
}

/**
 * As on the client (docs/design.md, "Archive"): owners as numbers, and all that a file system knows of a file. Nothing is
 * compressed: the file goes over a line that may compress by itself, and is read twice on the client.
 */
const CREATE = ['--create', '--file=-', ...TAR_FIDELITY, '--quoting-style=escape'];

/**
 * Sends one service to a host as a tar file and a manifest, which is written last: without it `backup-client restore`
 * does not see the file.
 * @returns the manifest
 * @throws BackupError `failed`; nothing is left on the host then, unless the connection was lost
 */
export async function sendService(sent: SentService, io: SendIo): Promise<RestoreManifest> {
  const { service, hostname, stamp, snapshot } = sent;
  const tar = restoreTarName({ hostname, stamp, service });
  const name = `${SPOOL_RESTORE}/${tar}`;
  // What was sent before under this name is about to be another file.
  await io.remote.remove(manifestName(name));
  const { bytes, sha256 } = await sendTar(sent, name, io);
  const created = io.now().toISOString();
  const manifest = restoreManifestSchema.parse({
    ...{ format: 1, kind: 'restore', tar, bytes, sha256, hostname, stamp, snapshot, created, service },
  });
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  try {
    await io.remote.upload(manifestName(name), once(text), io.upload);
  } catch (error) {
    // Nobody would see it, and nobody remove it. Whether or not that works, the first error is the one to be told.
    await io.remote.remove(name).catch(() => undefined);
    throw error;
  }
  return manifest;
}

async function sendTar({ tree, service }: SentService, name: string, io: SendIo) {
  const [program = 'tar', ...first] = io.tar;
  const args = [...first, ...CREATE, `--directory=${tree}`, `${service.type}/${service.name}`];
  const tar = io.stream(program, args, { timeoutMs: io.timeoutMs, signal: io.signal });
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of tar.stdout as AsyncIterable<Buffer>) {
      hash.update(piece);
      bytes += piece.length;
      io.onSent(bytes);
      yield piece;
    }
  };
  try {
    const arrived = await io.remote.upload(name, counted(), io.upload);
    await tar.finished;
    if (arrived !== bytes)
      throw new BackupError('failed', `${name} has ${arrived} bytes on the host instead of ${bytes}.`);
  } finally {
    tar.end();
    await tar.finished.catch(() => undefined);
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield content;
}
