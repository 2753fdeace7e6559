// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { type BytePath, bytePathOfText, bytesOf } from '@local-backup/common/byte-path';

const deflate = promisify(deflateRaw);

/** Of each file, from its beginning: where most of what encrypts files begins too. */
const READ_BYTES = 64 * 1024;

/** What shrinks by less than a twentieth is as good as random. */
const RANDOM_ENOUGH = 0.95;

export interface Compressibility {
  /** Files that could be looked at. */
  readonly sampled: number;
  /** Those that cannot be compressed. */
  readonly incompressible: number;
}

/**
 * Reads the beginning of each file and tries to compress it. What cannot be read, or is no file, is left out: the tree
 * was made of what a host has sent.
 */
export async function measureCompressibility(
  directory: string,
  paths: readonly BytePath[],
  signal: AbortSignal,
): Promise<Compressibility> {
  let sampled = 0;
  let incompressible = 0;
  for (const path of paths) {
    signal.throwIfAborted();
    const bytes = await readBeginning(bytesOf((bytePathOfText(`${directory}/`) + path) as BytePath));
    if (bytes === undefined || bytes.length === 0) continue;
    sampled += 1;
    const packed = await deflate(bytes, { level: 1 });
    if (packed.length >= bytes.length * RANDOM_ENOUGH) incompressible += 1;
  }
  return { sampled, incompressible };
}

async function readBeginning(path: Buffer): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const handle = await open(path, flags).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    if (!(await handle.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}
