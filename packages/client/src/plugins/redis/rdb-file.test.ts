// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Crc64 } from './crc64.ts';
import { cutTransferMark, rdbComplaint } from './rdb-file.ts';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rdb-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const write = (...parts: readonly (string | Buffer)[]) => {
  writeFileSync(join(root, 'a.rdb'), Buffer.concat(parts.map((part) => Buffer.from(part))));
  return join(root, 'a.rdb');
};

const body = Buffer.concat([Buffer.from('REDIS0010'), Buffer.from([0xfe, 0, 0xff])]);

const checksum = (() => {
  const crc = new Crc64();
  crc.update(body);
  return crc.digest();
})();

describe('rdbComplaint', () => {
  it('takes a whole file, one without a checksum, and one of Valkey', async () => {
    expect(await rdbComplaint(write(body, checksum))).toBeUndefined();
    expect(await rdbComplaint(write(body, Buffer.alloc(8)))).toBeUndefined();
    expect(await rdbComplaint(write('VALKEY080', Buffer.from([0xff]), Buffer.alloc(8)))).toBeUndefined();
  });

  it('tells what is wrong', async () => {
    expect(await rdbComplaint(write(''))).toMatch(/begin/);
    expect(await rdbComplaint(write('-ERR no replicas for you\r\n'))).toMatch(/begin/);
    expect(await rdbComplaint(write(body, checksum.subarray(0, 7)))).toMatch(/ends before its end mark/);
    expect(await rdbComplaint(write(body, Buffer.alloc(8, 1)))).toMatch(/checksum is wrong/);
  });
});

it('cuts off the mark of a transfer, and nothing else', async () => {
  for (const [tail, left] of [
    ['0123456789abcdef0123456789abcdef01234567', ''],
    ['', ''],
    ['x'.repeat(40), 'x'.repeat(40)],
  ] as const) {
    const file = write(body, checksum, tail);
    const handle = await open(file, 'r+');
    await cutTransferMark(handle);
    await handle.close();
    expect(readFileSync(file)).toEqual(Buffer.concat([body, checksum, Buffer.from(left)]));
  }
});
