// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Something else may have been put where a file was: links are not followed, and a FIFO must not make us wait. */
const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Smaller files are read in one go: handing them to another thread and back takes longer than that. */
const SMALL_BYTES = 64 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** For small files, which are read one at a time. */
const small = Buffer.allocUnsafe(SMALL_BYTES + 1);

/**
 * The sha256 of a file's content, lower-case hex.
 * @param size what the file is expected to have: a hint only, all of it is read
 * @throws the error of the file system
 */
export async function hashFile(path: Buffer, size: number, signal: AbortSignal): Promise<string> {
  return (size <= SMALL_BYTES ? hashSmall(path) : undefined) ?? (await hashLarge(path, signal));
}

/** Undefined where the file is not small. */
function hashSmall(path: Buffer): string | undefined {
  const file = openSync(path, OPEN);
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < small.length; length += read) {
      read = readSync(file, small, length, small.length - length, null);
    }
    if (length > SMALL_BYTES) return undefined;
    return createHash('sha256').update(small.subarray(0, length)).digest('hex');
  } finally {
    closeSync(file);
  }
}

async function hashLarge(path: Buffer, signal: AbortSignal): Promise<string> {
  const file = await open(path, OPEN);
  try {
    return await hashPieces(file, signal);
  } finally {
    await file.close();
  }
}

/** The next piece is read while one is hashed. */
async function hashPieces(file: FileHandle, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  let [piece, next] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
  let reading = file.read(piece, 0, PIECE_BYTES, null);
  for (;;) {
    const { bytesRead } = await reading;
    if (bytesRead === 0) return hash.digest('hex');
    signal.throwIfAborted();
    reading = file.read(next, 0, PIECE_BYTES, null);
    hash.update(piece.subarray(0, bytesRead));
    [piece, next] = [next, piece];
  }
}
