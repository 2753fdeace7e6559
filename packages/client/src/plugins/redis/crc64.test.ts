// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { Crc64 } from './crc64.ts';

it('computes what Redis computes (the value is in its source, crc64.c)', () => {
  const crc = new Crc64();
  for (const part of ['1234', '56789']) crc.update(Buffer.from(part));
  expect(crc.digest().readBigUInt64LE().toString(16)).toBe('e9c6d914c4b8d9ca');
});
