// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const PIECE_BYTES = 1024 * 1024;

/** Feeds the file from its beginning to the hash. @returns its bytes */
export async function hashInto(hash: Hash, handle: FileHandle): Promise<number> {
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let position = 0;
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return position;
    hash.update(piece.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** SHA-256 of a file's content, lower-case hex. */
export async function sha256Of(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  await hashInto(hash, handle);
  return hash.digest('hex');
}
