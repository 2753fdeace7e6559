// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { showControls } from './byte-path.ts';
import { BackupError } from './errors.ts';

export interface GunzipOptions {
  /** Gets the bytes of the file as they are read, to hash them in the same pass. */
  readonly onCompressed?: (bytes: Buffer) => void;
}

/** Measured: 64 KiB costs a fifth of the speed, more than 256 KiB gains nothing. */
const PIECE_BYTES = 256 * 1024;

/**
 * The content of a gzip file of one or more members, in pieces. Stricter than gzip itself: nothing may follow the last
 * member.
 *
 * @throws BackupError `untrusted` where it is damaged, cut off, or followed by anything
 */
export async function* gunzipFile(
  file: string,
  { onCompressed }: GunzipOptions = {},
): AsyncGenerator<Buffer, void, void> {
  const name = showControls(basename(file));
  const { size } = await stat(file);
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  const watch = new Transform({
    transform(bytes: Buffer, _encoding, done) {
      onCompressed?.(bytes);
      done(null, bytes);
    },
  });
  pipeline(createReadStream(file, { highWaterMark: PIECE_BYTES }), watch, gunzip, () => {
    // Errors of all three come out of the iteration below.
  });
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw isZlibError(error) ? damaged(name, error) : error;
  }
  const behind = size - gunzip.bytesWritten;
  if (behind !== 0) throw new BackupError('untrusted', `${name} goes on for ${behind} bytes behind its gzip data.`);
}

function damaged(name: string, error: Error): BackupError {
  const message = `${name} is damaged or was cut off: it cannot be decompressed (${error.message}).`;
  return new BackupError('untrusted', message, { cause: error });
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
