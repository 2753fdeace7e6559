// SPDX-License-Identifier: AGPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archive, END, type Member, member } from '../../../test/helpers/tar-builder.ts';
import type { Entry } from './entry.ts';
import type { MemberExtent, TarReaderOptions } from './tar-reader.ts';
import { createTarReader } from './tar-stream.ts';

const LIMITS = { entries: 100, bytes: 1e7, pathBytes: 1000, depth: 20, metaBytes: 100_000, sparseRegions: 100 };

const SMALL: readonly Member[] = [
  { name: './', type: '5' },
  { name: './a', body: 'hello', pax: { mtime: '1.25' } },
  { name: './block', body: 'b'.repeat(512) },
  { name: './link', type: '2', link: 'a' },
  { name: './empty' },
];

/** What a reader has handed on of an archive that ends here, when all is done that it asks for. */
function read(bytes: Buffer, size: number, options: Partial<TarReaderOptions> = {}) {
  let raw: Buffer[] = [];
  let marked = 0;
  let entries = 0;
  const reader = createTarReader({
    limits: LIMITS,
    onEntry: () => {
      entries += 1;
    },
    onLarge: () => {
      marked = raw.length;
    },
    onRaw: (slice) => void raw.push(slice),
    ...options,
  });
  for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
  const cut = reader.cutOff();
  if (cut.begun) raw = raw.slice(0, marked);
  return { raw: Buffer.concat(raw), cut, entries };
}

describe('what the reader hands on', () => {
  it('leaves out a sparse file whose map is beyond all bounds, without reading the map', () => {
    const start = Array.from({ length: 100 }, (_, index) => `${index * 1024}\n512\n`).join('');
    const pax = {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'sparse',
      'GNU.sparse.realsize': '1000000000',
    };
    const odd = { name: 'GNUSparseFile.1/s', body: `1000001\n${start}and so on`, pax };
    const bytes = archive({ name: 'a', body: 'a' }, odd, { name: 'b', body: 'b' });
    const limits = { ...LIMITS, bytes: 1e10, sparseRegions: Number.MAX_SAFE_INTEGER };
    const onMember = (_: Entry, { sparseRegions }: MemberExtent) => (sparseRegions > 1e6 ? 'drop' : 'keep');
    for (const size of [7, 512, bytes.length]) {
      const { raw, cut } = read(bytes, size, { limits, onMember });
      expect(raw).toEqual(Buffer.concat([member({ name: 'a', body: 'a' }), member({ name: 'b', body: 'b' })]));
      expect(cut.totals.entries).toBe(2);
    }
  });

  it('hands on only whole members of an archive that is cut off, and says where a large one began', () => {
    const large = { name: 'large', body: Buffer.alloc(1_100_000, 'l') };
    const members = [...SMALL, large, { name: 'last', body: 'x'.repeat(700) }];
    const ends = members.map((_, index) => archive(...members.slice(0, index + 1)).length - END.length);
    const bytes = archive(...members);
    const lengths = fc.integer({ min: 0, max: bytes.length });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 100, max: 400_000 }), (length, size) => {
        const { raw, cut, entries } = read(bytes.subarray(0, length), size);
        const whole = ends.filter((end) => end <= length);
        expect(raw.equals(bytes.subarray(0, whole.at(-1) ?? 0))).toBe(true);
        expect(cut.totals.entries).toBe(whole.length);
        expect(entries).toBe(whole.length);
      }),
      { numRuns: 100 },
    );
    expect(read(bytes.subarray(0, (ends.at(-2) ?? 0) - 1), 65_536).cut).toMatchObject({
      path: 'large',
      begun: true,
    });
    expect(read(bytes.subarray(0, (ends.at(-1) ?? 0) - 1), 65_536).cut).toMatchObject({
      path: 'last',
      begun: false,
    });
  });
});
