// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { encodeCommand, ReplyError, RespReader } from './resp.ts';

const all = Buffer.from(
  '+OK\r\n-ERR no\r\n:-12\r\n$-1\r\n$4\r\na\r\nb\r\n*2\r\n$0\r\n\r\n*1\r\n:7\r\n*-1\r\n',
  'latin1',
);

const replies = [
  Buffer.from('OK'),
  new ReplyError('ERR no'),
  -12,
  null,
  Buffer.from('a\r\nb'),
  [Buffer.from(''), [7]],
  null,
];

describe('RespReader', () => {
  it.each([1, 2, 3, 7, all.length])('reads replies that come in pieces of %i bytes', (size) => {
    const reader = new RespReader();
    const found = [];
    for (let position = 0; position < all.length; position += size) {
      found.push(...reader.push(all.subarray(position, position + size)));
    }
    expect(found).toEqual(replies);
    expect(reader.empty).toBe(true);
  });

  it('reads back what was written, any bytes', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const reader = new RespReader();
    expect(reader.push(encodeCommand(['SET', bytes, 'ü']))).toEqual([[Buffer.from('SET'), bytes, Buffer.from('ü')]]);
  });

  it.each([
    ['HTTP/1.1 400\r\n', 'a number in it is none'],
    ['!5\r\n', 'not the protocol'],
    ['$999999999999\r\n', 'too long'],
    ['*9999999\r\n', 'too long'],
    ['*1\r\n'.repeat(20), 'too long'],
    ['$1\r\nabc\r\n', 'no end'],
    [`+${'x'.repeat(70_000)}`, 'too long'],
  ])('refuses %j', (text, message) => {
    expect(() => new RespReader().push(Buffer.from(text))).toThrow(message);
  });

  it('knows that something has not ended', () => {
    const reader = new RespReader();
    expect(reader.push(Buffer.from('+OK\r\n$10\r\nabc'))).toHaveLength(1);
    expect(reader.empty).toBe(false);
  });
});
