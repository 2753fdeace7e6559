// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { fetchFile, type OpenFile } from './fetch.ts';
import { PIECE_BYTES } from './flow.ts';
import type { Link } from './link.ts';

const limits = { requestTimeoutMs: 5_000, stallWindowMs: 60_000 };
const content = randomBytes(9_000_000);

/** A link that is never lost; `read` decides how the peer answers. */
function peer(read: OpenFile['read'], size = content.length): { link: Link; file: OpenFile } {
  const wait: Link['wait'] = (_what, start) =>
    new Promise((resolve, reject) => {
      start((error, value) => (error ? reject(error) : resolve(value as never)));
    });
  const link = { label: 'backup@web1:22', wait, received: () => 0 } as unknown as Link;
  return { link, file: { name: 'a', size, read } };
}

async function fetchAll({ link, file }: { link: Link; file: OpenFile }, onData?: () => Promise<void>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await fetchFile(
    link,
    file,
    {
      offset: 0,
      maxBytes: Number.MAX_SAFE_INTEGER,
      minimumRate: 1,
      onData: (data) => {
        pieces.push(data);
        return onData?.();
      },
    },
    limits,
  );
  return Buffer.concat(pieces);
}

test('answers that come short are asked for again', async () => {
  let requests = 0;
  const short: OpenFile['read'] = (buffer, position, answer) => {
    requests++;
    const got = Math.min(buffer.length, 1 + (position % 30_000));
    content.copy(buffer, 0, position, position + got);
    setImmediate(answer, undefined, got);
  };
  expect((await fetchAll(peer(short))).equals(content)).toBe(true);
  expect(requests).toBeGreaterThan(content.length / 30_000);
});

test('answers that come in another order are handed on in order', async () => {
  const shuffled: OpenFile['read'] = (buffer, position, answer) => {
    content.copy(buffer, 0, position, position + buffer.length);
    setTimeout(answer, (position * 7919) % 5, undefined, buffer.length);
  };
  expect((await fetchAll(peer(shuffled))).equals(content)).toBe(true);
});

test('a slow receiver bounds what is asked for ahead', async () => {
  let asked = 0;
  let handedOn = 0;
  let most = 0;
  const prompt: OpenFile['read'] = (buffer, _position, answer) => {
    asked += buffer.length;
    most = Math.max(most, asked - handedOn);
    setImmediate(answer, undefined, buffer.length);
  };
  const size = 100 * PIECE_BYTES;
  await fetchAll(peer(prompt, size), async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    handedOn += Math.min(PIECE_BYTES, size - handedOn);
  });
  expect(asked).toBe(size);
  expect(most).toBeLessThanOrEqual(17 * PIECE_BYTES);
  expect(most).toBeGreaterThan(8 * PIECE_BYTES);
});

test('a file that ends early is an error that tells where', async () => {
  const cut: OpenFile['read'] = (buffer, position, answer) => {
    const got = Math.max(0, Math.min(buffer.length, 500_000 - position));
    setImmediate(answer, undefined, got);
  };
  await expect(fetchAll(peer(cut))).rejects.toThrow(/a ended at byte 500000 though it had 9000000/);
});
