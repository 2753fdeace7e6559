// SPDX-License-Identifier: AGPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytePathOf } from './byte-path.ts';
import { type Entry, formatEntry, parseEntry } from './entry.ts';

const path = fc.uint8Array({ minLength: 1, maxLength: 300 }).map(bytePathOf);
const common = {
  path,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xffff_ffff }),
  gid: fc.integer({ min: 0, max: 0xffff_ffff }),
  mtimeNs: fc.bigInt({ min: -(10n ** 28n) + 1n, max: 10n ** 28n - 1n }),
};
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ ...common, type: fc.constant('file' as const), size: fc.maxSafeNat(), sha256 }),
  fc.record({ ...common, type: fc.constant('directory' as const), size: fc.constant(0) }),
  fc.record({
    ...common,
    type: fc.constantFrom('symlink' as const, 'hardlink' as const),
    size: fc.constant(0),
    link: path,
  }),
);

const FILE = '{"path":"a","type":"file","mode":420,"uid":0,"gid":0,"size":0,"mtime":"0","sha256":"';
const LINK = '{"path":"a","type":"symlink","mode":511,"uid":0,"gid":0,"size":0,"mtime":"0"';

describe('formatEntry and parseEntry', () => {
  it('bring back any entry, in one line of valid JSON', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const line = formatEntry(value);
        expect(line).not.toContain('\n');
        expect(parseEntry(line)).toEqual(value);
      }),
    );
  });

  it.each([
    ['not JSON', '{'],
    ['an unknown key', `${LINK},"link":"b","x":1}`],
    ['a link without target', `${LINK}}`],
    ['a file without hash', FILE.replace(',"sha256":"', '}')],
    ['an odd hash', `${FILE}abc"}`],
    ['a directory with a hash', `${FILE}${'0'.repeat(64)}"}`.replace('file', 'directory')],
    ['a directory with a size', LINK.replace('symlink', 'directory').replace('"size":0', '"size":1').concat('}')],
    ['a negative size', `${FILE}${'0'.repeat(64)}"}`.replace('"size":0', '"size":-1')],
    ['an empty path', `${LINK},"link":"b"}`.replace('"a"', '""')],
  ])('refuse %s', (_, line) => expect(() => parseEntry(line)).toThrow());
});
