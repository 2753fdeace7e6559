// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Member, packMembers, readMembers } from './kit-archive.ts';

const member = (path: string, content?: string): Member => {
  const facts = { path, mode: 0o600, uid: 0, gid: 0, mtime: 1_700_000_000 };
  return content === undefined ? facts : { ...facts, content: Buffer.from(content) };
};
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('the archive of a kit', () => {
  it('gives back what was put into it, long and odd names too', () => {
    const long = `files/${'d'.repeat(90)}/${'f'.repeat(200)}`;
    const odd = 'files/etc/Schlüssel für web1';
    const { first, sha256: sums } = readMembers(
      packMembers([member('kit.json', '{}'), member('files'), member(long, 'long'), member(odd, ''), member('x', 'y')]),
    );
    expect(first.toString()).toBe('{}');
    expect(Object.fromEntries(sums)).toEqual({
      'kit.json': sha256('{}'),
      [long]: sha256('long'),
      [odd]: sha256(''),
      x: sha256('y'),
    });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['something else', Buffer.from('hello')],
    ['an archive that was cut', packMembers([member('kit.json', 'x'.repeat(5_000))]).subarray(0, -20)],
  ])('%s is refused', (_, bytes) => {
    expect(() => readMembers(bytes)).toThrow(expect.objectContaining({ code: 'untrusted' }));
  });
});
