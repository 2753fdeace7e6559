// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archive, END, type Member, member, paxMember } from '../../../test/helpers/tar-builder.ts';
import type { Entry } from './entry.ts';
import type { TarLimits } from './tar-limits.ts';
import { hashHoles, type TarReaderOptions } from './tar-reader.ts';
import { createTarReader } from './tar-stream.ts';

const LIMITS: TarLimits = {
  entries: 100,
  bytes: 1e6,
  pathBytes: 1000,
  depth: 20,
  metaBytes: 100_000,
  sparseRegions: 100,
};

/** Everything that a reader tells about an archive that is written in chunks of these sizes. */
function read(bytes: Buffer, options: Partial<TarReaderOptions> = {}, sizes: readonly number[] = [bytes.length]) {
  const entries: Entry[] = [];
  const raw: Buffer[] = [];
  const onEntry = (entry: Entry) => void entries.push(entry);
  const reader = createTarReader({ limits: LIMITS, onEntry, onRaw: (slice) => void raw.push(slice), ...options });
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    reader.write(bytes.subarray(at, at + size));
    at += size;
  }
  return { totals: reader.end(), entries, raw: Buffer.concat(raw) };
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

const SPARSE: Member = {
  name: './GNUSparseFile.1/s',
  body: `${'2\n512\n512\n2000\n3\n'.padEnd(512, '\0')}${'d'.repeat(512)}end`,
  pax: {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': 'sparse',
    'GNU.sparse.realsize': '2048',
  },
};

const VARIED: readonly (Member | Buffer)[] = [
  { name: './', type: '5', mode: 0o700 },
  { name: './a', body: 'hello', uid: 33, gid: 34, pax: { mtime: '-1.25' } },
  { name: 'x'.repeat(100), body: 'y'.repeat(1000), pax: { path: `${'x'.repeat(100)}/\xff\n` } },
  SPARSE,
  { name: './link', type: '2', link: '../a' },
  { name: './hard', type: '1', link: './a' },
  { name: './null', type: '3', patch: { 329: '0000001\x000000003\x00' } },
  { name: './empty' },
];

describe('createTarReader', () => {
  it('describes members as they are on disk', () => {
    const { entries, totals } = read(archive(...VARIED));
    expect(entries[0]).toMatchObject({ path: '.', type: 'directory', mode: 0o700, size: 0 });
    expect(entries[1]).toMatchObject({
      path: 'a',
      uid: 33,
      gid: 34,
      mtimeNs: -1_250_000_000n,
      sha256: sha256('hello'),
    });
    expect(entries[2]?.path).toBe(`${'x'.repeat(100)}/\xff\n`);
    expect(entries[4]).toMatchObject({ path: 'link', type: 'symlink', link: '../a' });
    expect(entries[5]).toMatchObject({ path: 'hard', type: 'hardlink', link: 'a' });
    expect(entries[6]).toMatchObject({ type: 'character' });
    expect(totals).toEqual({ files: 4, entries: 8, bytes: 5 + 1000 + 2048 });
  });

  it('hashes a sparse file as its reader sees it', () => {
    const content = Buffer.alloc(2048);
    content.fill('d', 512, 1024);
    content.write('end', 2000);
    expect(read(archive(SPARSE)).entries[0]).toMatchObject({ path: 'sparse', size: 2048, sha256: sha256(content) });
  });

  it('says the same whatever the size of the chunks', () => {
    const bytes = archive(...VARIED);
    const whole = read(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1 }), (sizes) => {
        expect(read(bytes, {}, sizes)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('hands on the bytes of the members that are kept, whatever the size of the chunks', () => {
    const kept = [VARIED[1], VARIED[3], VARIED[7]].map((one) => member(one as Member));
    const onMember = ({ path }: Entry) => (['a', 'sparse', 'empty'].includes(path) ? 'keep' : 'drop');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }), (sizes) => {
        const { raw, totals } = read(archive(...VARIED), { onMember }, sizes);
        expect(raw.equals(Buffer.concat(kept))).toBe(true);
        expect(totals).toEqual({ files: 3, entries: 3, bytes: 5 + 2048 });
      }),
      { numRuns: 30 },
    );
  });

  it('reads long names and large numbers of gnu format', () => {
    const gnu = { 257: 'ustar  \x00', 329: Buffer.alloc(16) };
    const name = `dir/${'n'.repeat(200)}`;
    const bytes = archive(
      { name: '././@LongLink', type: 'L', body: `${name}\x00`, patch: gnu },
      {
        name,
        body: 'x',
        patch: {
          ...gnu,
          108: Buffer.from('80000000ffffffff', 'hex'),
          136: Buffer.from('ffffffffffffffffed300880', 'hex'),
        },
      },
    );
    expect(read(bytes).entries[0]).toMatchObject({ path: name, uid: 0xffff_ffff, mtimeNs: -315_619_200_000_000_000n });
  });

  it('reads sizes beyond 8 GiB, in PAX and in gnu format', () => {
    const sizes: number[] = [];
    const limits = { ...LIMITS, bytes: 1e12 };
    const onMember = ({ size }: Entry) => void sizes.push(size);
    const pax = member({ name: 'f', size: 0, pax: { size: '8589934592' } });
    const gnu = member({
      name: 'f',
      patch: { 257: 'ustar  \x00', 124: Buffer.from('800000000000000200000001', 'hex') },
    });
    for (const header of [pax, gnu]) createTarReader({ limits, onMember }).write(header);
    expect(sizes).toEqual([8_589_934_592, 8_589_934_593]);
  });

  it('hashes large holes in turns', async () => {
    const size = 300 * 1024 * 1024;
    const hole = {
      ...SPARSE,
      body: `1\n${size}\n0\n`.padEnd(512, '\0'),
      pax: { ...SPARSE.pax, 'GNU.sparse.realsize': String(size) },
    };
    const entries: Entry[] = [];
    const reader = createTarReader({ limits: { ...LIMITS, bytes: 1e9 }, onEntry: (entry) => void entries.push(entry) });
    expect(reader.write(archive(hole))).toBe(false);
    expect(entries).toEqual([]);
    await hashHoles(reader);
    expect(reader.end().bytes).toBe(size);
    expect(entries[0]?.sha256).toBe(createHash('sha256').update(Buffer.alloc(size)).digest('hex'));
  });

  it('refuses a member beyond the limits before its content is read', () => {
    const beyond = (limits: Partial<TarLimits>, ...members: readonly Member[]) =>
      expect(() => read(archive(...members), { limits: { ...LIMITS, ...limits } }));
    beyond({ entries: 1 }, { name: 'a' }, { name: 'b' }).toThrow(
      'at byte 512 (b): the archive has more than 1 members',
    );
    beyond({ bytes: 10 }, { name: 'a', body: 'x'.repeat(11) }).toThrow('more than 10 bytes');
    beyond({ bytes: 2047 }, SPARSE).toThrow('more than 2047 bytes');
    beyond({ pathBytes: 4 }, { name: 'abcde' }).toThrow('longer than 4 bytes');
    beyond({ pathBytes: 4 }, { name: 'a', type: '2', link: 'abcde' }).toThrow('longer than 4 bytes');
    beyond({ depth: 2 }, { name: 'a/b/c' }).toThrow('deeper than 2');
    beyond({ metaBytes: 11 }, { name: 'a', pax: { mtime: '1' } }).not.toThrow();
    beyond({ metaBytes: 10 }, { name: 'a', pax: { mtime: '1' } }).toThrow('not between 1 and 10');
    beyond({ sparseRegions: 1 }, SPARSE).toThrow('its sparse map has 2 regions');
  });

  it('passes on what onMember throws', () => {
    const onMember = () => {
      throw new Error('not this one');
    };
    expect(() => read(archive({ name: 'a' }), { onMember })).toThrow('not this one');
  });
});

const FILE: Member = { name: 'f', body: 'x' };

describe('createTarReader refuses', () => {
  it.each<[string, RegExp, ...(Member | Buffer)[]]>([
    ['a wrong checksum', /checksum/, { ...FILE, badChecksum: true }],
    ['unknown magic', /neither in posix nor in gnu/, { ...FILE, patch: { 257: 'ustar\x00 1' } }],
    ['an unknown type', /type flag 0x37/, { ...FILE, type: '7' }],
    ['a global header', /type flag 0x67/, { ...FILE, type: 'g' }],
    ['no name', /no name/, { ...FILE, name: '' }],
    ['text behind a NUL', /NUL inside/, { ...FILE, patch: { 10: 'hidden' } }],
    ['spaces in numbers', /uid is not a number/, { ...FILE, patch: { 108: '    12 \x00' } }],
    ['a negative size', /size -1 is not between/, { ...FILE, patch: { 124: Buffer.alloc(12, 0xff) } }],
    ['a mode above 07777', /mode 32768/, { ...FILE, mode: 0o100000 }],
    ['a device number without device', /no device/, { ...FILE, patch: { 329: '0000001\x00' } }],
    [
      'fields of incremental archives',
      /full archives/,
      { ...FILE, patch: { 257: 'ustar  \x00', 345: '14524770400\x00' } },
    ],
    ['a directory with data', /directory with data/, { ...FILE, type: '5' }],
    ['a file with a link target', /file with a link target/, { ...FILE, link: 'y' }],
    ['a link without target', /without target/, { name: 'f', type: '2' }],
    ['a file whose name ends in a slash', /ends in a slash/, { ...FILE, name: 'f/' }],
    [
      'data in the padding',
      /no zeros behind its data/,
      Buffer.concat([member(FILE).subarray(0, 1023), Buffer.from('x')]),
    ],
    ['PAX and gnu format mixed', /mix posix and gnu/, { ...FILE, pax: { mtime: '1' }, patch: { 257: 'ustar  \x00' } }],
    ['two PAX headers', /two headers of the same kind/, paxMember({ mtime: '1' }), { ...FILE, pax: { mtime: '1' } }],
    ['a PAX path unlike the header', /names in its header/, { ...FILE, pax: { path: 'g' } }],
    ['a PAX size that fits the header', /sizes in its header/, { ...FILE, pax: { size: '1' } }],
    ['a PAX uid unlike the header', /uids in its header/, { ...FILE, uid: 1, pax: { uid: '2' } }],
    ['other sparse formats', /another format than GNU 1.0/, { ...FILE, pax: { 'GNU.sparse.major': '0' } }],
    ['a sparse directory', /directory with the records/, { ...SPARSE, type: '5', body: '' }],
    ['a PAX header before the end', /ends after a header/, paxMember({ mtime: '1' })],
    ['a lone zero block', /single zero block/, Buffer.alloc(512), FILE],
    ['data behind the end', /behind the end/, END, FILE],
  ])('%s', (_, message, ...members) => {
    expect(() => read(archive(...members))).toThrow(message);
    expect(() => read(archive(...members), {}, [7])).toThrow(message);
  });

  it('an archive that was cut anywhere', () => {
    const bytes = archive(...VARIED);
    for (let length = 0; length < bytes.length - 512; length += 97) {
      expect(() => read(bytes.subarray(0, length))).toThrow(/it was cut/);
    }
    expect(() => read(bytes.subarray(0, -1))).toThrow();
    expect(() => read(Buffer.concat([bytes, Buffer.alloc(100)]))).toThrow('whole number of blocks');
  });

  it('and names the member and where it stands, in characters that are harmless', () => {
    const bytes = archive(FILE, { name: 'evil\x1b[2J\n', type: '5', body: 'x' });
    expect(() => read(bytes)).toThrow('at byte 1024 (evil\\x1b[2J\\n): it is a directory with data');
  });

  it('a header with any byte of it changed', () => {
    const bytes = archive(FILE);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 511 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(() => read(damaged)).toThrow();
      }),
    );
  });
});
