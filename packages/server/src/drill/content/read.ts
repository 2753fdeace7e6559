// SPDX-License-Identifier: AGPL-3.0-or-later
import { closeSync, constants, createReadStream, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { addAbortSignal, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { HEAD_BYTES } from './kinds.ts';

/** Reading files of a tree that is not trusted: no links, and nothing that makes us wait. */
const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Bytes at the end of a dump in which its last line is looked for. */
const TAIL_BYTES = 8 * 1024;

const PIECE_BYTES = 256 * 1024;

/** The first bytes of a file. */
export function readHead(path: Buffer): Buffer {
  const file = openSync(path, OPEN);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/** Does `work` with a file descriptor for reading. */
export async function withFile<Result>(path: Buffer, work: (descriptor: number) => Promise<Result>): Promise<Result> {
  const file = await open(path, OPEN);
  try {
    return await work(file.fd);
  } finally {
    await file.close();
  }
}

/** The last bytes of a file. */
export async function readTail(path: Buffer, size: number): Promise<Buffer> {
  return withFile(path, async (descriptor) => {
    const tail = Buffer.alloc(Math.min(TAIL_BYTES, size));
    return tail.subarray(0, readSync(descriptor, tail, 0, tail.length, size - tail.length));
  });
}

/** First and last bytes of what a gzip file holds, read to its end. @throws the error of zlib where it is damaged */
export async function readGzipEnds(path: Buffer, signal: AbortSignal): Promise<{ head: Buffer; tail: Buffer }> {
  return withFile(path, async (descriptor) => {
    const source = createReadStream('', { fd: descriptor, autoClose: false, highWaterMark: PIECE_BYTES });
    const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
    addAbortSignal(signal, gunzip);
    pipeline(source, gunzip, () => {
      // Errors come out of the iteration below.
    });
    let [head, tail] = [Buffer.alloc(0), Buffer.alloc(0)];
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, piece.subarray(0, HEAD_BYTES - head.length)]);
      const both = piece.length >= TAIL_BYTES ? piece : Buffer.concat([tail, piece]);
      tail = Buffer.from(both.subarray(-TAIL_BYTES));
    }
    return { head, tail };
  });
}
