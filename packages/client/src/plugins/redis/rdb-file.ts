// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open } from 'node:fs/promises';
import { Crc64 } from './crc64.ts';

/** `REDIS` or, since Valkey 9, `VALKEY`; then the version of the format. */
const MAGIC = /^(?:REDIS\d{4}|VALKEY\d{3})/;

/** The opcode before the checksum, at the end of the file. */
const END = 0xff;
const CHECKSUM_BYTES = 8;
const SMALLEST = 9 + 1 + CHECKSUM_BYTES;

/** What a server that sends without writing a file first puts behind the data; `redis-cli --rdb -` leaves it there. */
const TRANSFER_MARK_BYTES = 40;

const CHUNK = 1024 * 1024;

/**
 * Looks whether an RDB file is whole: its beginning, its end and, unless the server has that switched off, its checksum.
 * @returns what is wrong; undefined: nothing
 */
export async function rdbComplaint(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size < SMALLEST || !MAGIC.test((await readAt(handle, 0, 9)).toString('latin1'))) {
      return 'it does not begin as an RDB file does';
    }
    const tail = await readAt(handle, size - CHECKSUM_BYTES - 1, CHECKSUM_BYTES + 1);
    if (tail[0] !== END) return 'it ends before its end mark';
    const written = tail.subarray(1);
    // rdbchecksum no
    if (written.every((byte) => byte === 0)) return undefined;
    return written.equals(await checksumOf(handle, size - CHECKSUM_BYTES)) ? undefined : 'its checksum is wrong';
  } finally {
    await handle.close();
  }
}

/** Cuts off the mark that a transfer ends with, where there is one. What is left is judged by {@link rdbComplaint}. */
export async function cutTransferMark(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const end = size - TRANSFER_MARK_BYTES;
  if (end < SMALLEST) return;
  const mark = await readAt(handle, end, TRANSFER_MARK_BYTES);
  const before = await readAt(handle, end - CHECKSUM_BYTES - 1, 1);
  if (before[0] === END && /^[0-9a-f]{40}$/.test(mark.toString('latin1'))) await handle.truncate(end);
}

async function checksumOf(handle: FileHandle, end: number): Promise<Buffer> {
  const crc = new Crc64();
  for (let position = 0; position < end; position += CHUNK) {
    crc.update(await readAt(handle, position, Math.min(CHUNK, end - position)));
  }
  return crc.digest();
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
