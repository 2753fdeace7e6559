// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzipSync } from 'node:zlib';
import { FILE, type HostileArchive, longName, members, PARENTS, rawPax, sparse } from './hostile-members.ts';
import { END, gzArchive, member } from './tar-builder.ts';

/** Well-formed archives that are too much, for bounds of a few MiB and 50,000 entries. */
export const BOMBS: readonly HostileArchive[] = [
  { name: 'six gigabytes in six megabytes', refusedBy: 'size', bytes: zeroBomb },
  {
    name: 'a sparse file of a petabyte',
    refusedBy: 'size',
    bytes: () => gzArchive(...PARENTS, sparse('1\n1125899906842624\n0\n', 2 ** 50)),
  },
  { name: '100,000 empty files', refusedBy: 'size', bytes: () => gzArchive(...PARENTS, entryBomb(100_000)) },
  { name: '2,000 paths of 1,000 directories', refusedBy: 'size', bytes: () => gzArchive(...PARENTS, deepBomb(2_000)) },
  {
    name: 'path of 64 KiB',
    refusedBy: 'size',
    bytes: () => gzArchive(...PARENTS, longName(`web/shop/${'d/'.repeat(32_768)}x`)),
  },
  {
    name: 'PAX header of 64 MiB',
    refusedBy: 'size',
    bytes: () => gzArchive(...PARENTS, rawPax('x'.repeat(64 * 1024 * 1024)), FILE),
  },
];

/** One file of 6 GiB of zeros: a gzip member of 64 MiB, repeated. */
function zeroBomb(): Buffer {
  const piece = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const head = gzipSync(members(...PARENTS, { name: 'web/shop/zeros', size: 6 * 1024 ** 3 }));
  return Buffer.concat([head, ...Array<Buffer>(96).fill(piece), gzipSync(END)]);
}

function entryBomb(count: number): Buffer {
  const blocks = Array.from({ length: count }, (_, index) => member({ name: `web/shop/${index}` }));
  return Buffer.concat(blocks);
}

function deepBomb(count: number): Buffer {
  const tail = '/d'.repeat(1_000);
  const paths = Array.from({ length: count }, (_, index) => member(longName(`web/shop/${index}${tail}`)));
  return Buffer.concat(paths);
}
