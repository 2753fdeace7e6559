// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createParallelGzip } from './parallel-gzip.ts';

const MIB = 1024 * 1024;

/** Compressible content whose blocks differ. */
function content(bytes: number): Buffer {
  const random = randomBytes(1000);
  return Buffer.from(Array.from({ length: bytes }, (_, index) => (random[index % 1000] ?? 0) ^ ((index / MIB) & 0xff)));
}

describe('createParallelGzip', () => {
  it.each([0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 17])('brings back %i bytes', async (length) => {
    const input = content(length);
    const chunks: Buffer[] = [];
    const gzip = createParallelGzip({ level: 1, concurrency: 3, onChunk: (chunk) => void chunks.push(chunk) });
    for (let at = 0; at < length; at += 300_000) {
      if (!gzip.write(input.subarray(at, at + 300_000))) await gzip.ready();
    }
    await gzip.end();
    expect(chunks).toHaveLength(Math.max(1, Math.ceil(length / MIB)));
    expect(gunzipSync(Buffer.concat(chunks)).equals(input)).toBe(true);
  });

  it('asks to wait while chunks are not taken, and hands them on one at a time', async () => {
    let open = 0;
    let most = 0;
    const onChunk = async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
    };
    const gzip = createParallelGzip({ level: 1, concurrency: 2, onChunk });
    const block = content(MIB);
    const answers = [1, 2, 3, 4].map(() => gzip.write(block));
    expect(answers).toEqual([true, true, true, false]);
    await gzip.ready();
    await gzip.end();
    expect(most).toBe(1);
  });

  it('holds no more than a dozen blocks, however many threads there are', async () => {
    const gzip = createParallelGzip({ level: 1, concurrency: 64, onChunk: () => undefined });
    const block = content(MIB);
    const answers = Array.from({ length: 12 }, () => gzip.write(block));
    expect(answers.indexOf(false)).toBe(11);
    await gzip.end();
  });

  it('begins another member after a flush, and forgets what is discarded', async () => {
    const chunks: Buffer[] = [];
    const gzip = createParallelGzip({ level: 1, concurrency: 2, onChunk: (chunk) => void chunks.push(chunk) });
    gzip.write(Buffer.from('kept'));
    expect([gzip.flush(), gzip.flush()]).toEqual([1, 1]);
    gzip.write(Buffer.from('not kept'));
    gzip.discard();
    await gzip.end();
    expect(chunks.map((chunk) => gunzipSync(chunk).toString())).toEqual(['kept']);
  });

  it('stops with the error of whoever takes the chunks', async () => {
    let calls = 0;
    const onChunk = () => {
      calls += 1;
      throw new Error('disk full');
    };
    const gzip = createParallelGzip({ level: 1, concurrency: 2, onChunk });
    for (let block = 0; block < 4; block += 1) gzip.write(Buffer.alloc(MIB));
    await expect(gzip.ready()).rejects.toThrow('disk full');
    expect(() => gzip.write(Buffer.alloc(1))).toThrow('disk full');
    await expect(gzip.end()).rejects.toThrow('disk full');
    expect(calls).toBe(1);
  });
});
