// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { unpackMeta } from './lay-out.ts';

describe('unpackMeta', () => {
  it('takes the first field of a message, whatever follows', () => {
    expect(unpackMeta(Buffer.from([0x0a, 2, 7, 8, 0x10, 0]))).toEqual(Buffer.from([7, 8]));
    const long = Buffer.alloc(300, 5);
    expect(unpackMeta(Buffer.concat([Buffer.from([0x0a, 0xac, 0x02]), long]))).toEqual(long);
    expect(unpackMeta(Buffer.from([0x0a, 0]))).toEqual(Buffer.alloc(0));
  });

  it.each([
    ['nothing', []],
    ['another field', [0x10, 1, 1]],
    ['less than it says', [0x0a, 5, 1, 2]],
    ['a length without an end', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a length that ends with the file', [0x0a, 0x80]],
  ])('refuses %s', (_name, bytes) => {
    expect(() => unpackMeta(Buffer.from(bytes))).toThrow('not whole');
  });
});
