// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzipSync } from 'node:zlib';
import { BOMBS } from './hostile-bombs.ts';
import { evil, FILE, type HostileArchive, longName, members, PARENTS, rawPax, sparse } from './hostile-members.ts';
import { archive, END, gzArchive, type Member, member, paxMember } from './tar-builder.ts';

const OUTSIDE = '/tmp/hostile-archive-was-here';

/** Nothing is wrong with this one: a test that refuses it too proves nothing. */
export function harmlessArchive(): Buffer {
  return gzArchive(
    ...PARENTS,
    FILE,
    { name: 'web/shop/second-name', type: '1', link: 'web/shop/readme' },
    { name: 'web/shop/passwd', type: '2', mode: 0o777, link: '/etc/passwd' },
    { name: 'web/shop/pipe', type: '6' },
  );
}

/** Well-formed archives with hostile members: paths, links, types, order. */
function judged(name: string, ...members: readonly (Member | Buffer)[]): HostileArchive {
  return { name, refusedBy: 'judge', bytes: () => gzArchive(...PARENTS, FILE, ...members) };
}

/** Archives that GNU tar would not write. */
function malformed(name: string, ...members: readonly (Member | Buffer)[]): HostileArchive {
  return { name, refusedBy: 'format', bytes: () => gzArchive(...PARENTS, FILE, ...members) };
}

const link = (name: string, target: string): Member => ({ name, type: '2', mode: 0o777, link: target });
const hardLink = (name: string, target: string): Member => ({ name, type: '1', link: target });
const PATHS: readonly HostileArchive[] = [
  judged('absolute path', evil(OUTSIDE)),
  judged('path with ..', evil('web/shop/../../../tmp/hostile-archive-was-here')),
  judged('path that is ..', { name: '../', type: '5' }),
  judged('path with .. that stays inside', evil('web/shop/../shop/x')),
  judged('PAX path that is absolute', { ...evil(OUTSIDE), pax: { path: OUTSIDE } }),
  judged('PAX path with ..', { ...evil('../../tmp/x'), pax: { path: '../../tmp/x' } }),
  judged('empty component', evil('web//shop/x')),
  judged('component .', evil('web/./shop/x')),
  judged('missing parents', evil('web/shop/never/was/x')),
  judged('missing top', evil('other/x')),
  judged('the tree of the server itself', { name: '.backup/', type: '5' }, evil('.backup/entries.gz')),
  judged('component of 256 bytes', longName(`web/shop/${'n'.repeat(256)}`)),
];

const LINKS: readonly HostileArchive[] = [
  judged('file through absolute symlink', link('web/shop/out', '/tmp'), evil('web/shop/out/hostile-archive-was-here')),
  judged('file through relative symlink', link('web/shop/out', '../../..'), evil('web/shop/out/x')),
  judged('directory through symlink', link('web/shop/out', '/tmp'), { name: 'web/shop/out/hostile-dir/', type: '5' }),
  judged('symlink over its own parent', link('web/shop', '/tmp'), evil('web/shop/hostile-archive-was-here')),
  judged('symlink, then a file of the same name', link('web/shop/out', OUTSIDE), evil('web/shop/out')),
  judged('symlink over a directory', { name: 'web/shop/d/', type: '5' }, link('web/shop/d', '/tmp')),
  judged('hard link to outside, absolute', hardLink('web/shop/h', '/etc/shadow')),
  judged('hard link to outside, relative', hardLink('web/shop/h', '../../../etc/shadow')),
  judged('hard link, then content through it', hardLink('web/shop/h', '/etc/shadow'), evil('web/shop/h')),
  judged('hard link to what is not in the archive', hardLink('web/shop/h', 'web/shop/nothing')),
  judged('hard link to what comes later', hardLink('web/shop/h', 'web/shop/late'), evil('web/shop/late')),
  judged('hard link to itself', hardLink('web/shop/h', 'web/shop/h')),
  judged('hard link to a directory', hardLink('web/shop/h', 'web/shop')),
  judged('hard link through a symlink', link('web/shop/out', '/etc'), hardLink('web/shop/h', 'web/shop/out/shadow')),
  judged(
    'hard link to a symlink, then content',
    link('web/shop/s', OUTSIDE),
    hardLink('web/shop/h', 'web/shop/s'),
    evil('web/shop/h'),
  ),
  judged('PAX linkpath to outside', { ...hardLink('web/shop/h', '/etc/shadow'), pax: { linkpath: '/etc/shadow' } }),
];

const TYPES: readonly HostileArchive[] = [
  judged('character device', { name: 'web/shop/null', type: '3', patch: { 329: '0000001\x000000003\x00' } }),
  judged('block device', { name: 'web/shop/disk', type: '4', patch: { 329: '0000010\x000000000\x00' } }),
  judged('the same name twice', evil('web/shop/a'), evil('web/shop/a')),
  judged('the same directory twice', { name: 'web/shop/', type: '5' }),
  judged('file over directory', { name: 'web/shop/d/', type: '5' }, evil('web/shop/d')),
  judged('directory over file', evil('web/shop/a'), { name: 'web/shop/a/', type: '5' }),
  judged('file beneath a file', evil('web/shop/a'), evil('web/shop/a/b')),
  judged('the root is a file', evil('.')),
  malformed('unknown type', { name: 'web/shop/z', type: 'z' }),
  malformed('contiguous file', { name: 'web/shop/z', type: '7' }),
  malformed('GNU multi-volume member', { name: 'web/shop/z', type: 'M' }),
  malformed('global PAX header', globalHeader('path=web/shop/all-are-this')),
  malformed('directory with data', { name: 'web/shop/d/', type: '5', body: 'hidden' }),
  malformed('symlink with data', { ...link('web/shop/s', 'x'), body: 'hidden' }),
  malformed('hard link with data', { ...hardLink('web/shop/h', 'web/shop/readme'), body: 'hidden' }),
  malformed('symlink without target', link('web/shop/s', '')),
  malformed('file whose name ends in a slash', evil('web/shop/a/')),
];

const NUMBERS: readonly HostileArchive[] = [
  malformed('size of 2^62', {
    name: 'web/shop/z',
    patch: { 124: Buffer.from('80000000' + '4000000000000000', 'hex') },
  }),
  malformed('size beyond 64 bits', {
    name: 'web/shop/z',
    patch: { 124: Buffer.from('80ffffffffffffffffffffff', 'hex') },
  }),
  malformed('negative size', { name: 'web/shop/z', patch: { 124: Buffer.alloc(12, 0xff) } }),
  malformed('negative size in PAX', { name: 'web/shop/z', pax: { size: '-5' } }),
  malformed('PAX size that contradicts the header', { name: 'web/shop/z', body: 'abc', pax: { size: '512' } }),
  malformed('size that is no number', { name: 'web/shop/z', patch: { 124: '0x00000000z\x00' } }),
  malformed('PAX mtime that is no number', { name: 'web/shop/z', pax: { mtime: 'nan' } }),
  malformed('PAX uid that is negative', { name: 'web/shop/z', pax: { uid: '-5' } }),
  malformed('PAX size before a long name: smuggling', smuggled()),
];

const PAX: readonly HostileArchive[] = [
  malformed('PAX record too long', rawPax('99 path=web/shop/x\n'), evil('web/shop/y')),
  malformed('PAX record too short', rawPax('3 path=web/shop/x\n'), evil('web/shop/y')),
  malformed('PAX record without newline', rawPax('18 path=web/shop/x'), evil('web/shop/y')),
  malformed('PAX record without length', rawPax('path=web/shop/x\n'), evil('web/shop/y')),
  malformed('PAX record without equals sign', rawPax('10 pathwe\n'), evil('web/shop/y')),
  malformed('unknown PAX key', { ...evil('web/shop/y'), pax: { 'EVIL.key': 'x' } }),
  malformed('PAX key twice', rawPax('10 path=a\n10 path=b\n'), evil('web/shop/y')),
  malformed('NUL in PAX path', { ...evil('web/shop/y'), pax: { path: 'web/shop/y\x00z' } }),
  malformed('empty PAX path', { ...evil('web/shop/y'), pax: { path: '' } }),
  malformed('PAX path that contradicts the header', { ...evil('web/shop/y'), pax: { path: 'web/shop/z' } }),
  malformed('two PAX headers in a row', paxMember({ mtime: '1' }), paxMember({ mtime: '2' }), evil('web/shop/y')),
  malformed('PAX header before the end', paxMember({ mtime: '1' })),
  malformed('sparse map beyond the size', sparse('2\n0\n512\n99999999\n512\n', 1024)),
  malformed('sparse map that overlaps itself', sparse('2\n0\n512\n256\n512\n', 1024)),
  malformed('sparse map that is not numbers', sparse('two\n0\n512\n', 1024)),
];

const BROKEN: readonly HostileArchive[] = [
  malformed('bad checksum', { ...evil('web/shop/z'), badChecksum: true }),
  malformed('trailing data after the end', END, evil('web/shop/after-the-end')),
  malformed('a lone zero block', Buffer.alloc(512), evil('web/shop/after-the-end')),
  { name: 'no end of archive', refusedBy: 'format', bytes: () => gzipSync(members(...PARENTS, FILE)) },
  { name: 'cut in a header', refusedBy: 'format', bytes: () => gzipSync(members(...PARENTS, FILE).subarray(0, 700)) },
  { name: 'cut in the data', refusedBy: 'format', bytes: () => gzipSync(members(...PARENTS, FILE).subarray(0, 1540)) },
  { name: 'empty', refusedBy: 'format', bytes: () => gzipSync(Buffer.alloc(0)) },
  { name: 'not gzip', refusedBy: 'format', bytes: () => archive(...PARENTS, FILE) },
  { name: 'gzip cut in the middle', refusedBy: 'format', bytes: () => halved(harmlessArchive()) },
  { name: 'bit flip in the gzip stream', refusedBy: 'format', bytes: () => flipped(harmlessArchive()) },
  {
    name: 'garbage after the gzip stream',
    refusedBy: 'format',
    bytes: () => Buffer.concat([harmlessArchive(), Buffer.from('garbage')]),
  },
];

/** Every hostile archive, named after what is wrong with it. */
export const HOSTILE_ARCHIVES: readonly HostileArchive[] = [
  ...PATHS,
  ...LINKS,
  ...TYPES,
  ...NUMBERS,
  ...PAX,
  ...BROKEN,
  ...BOMBS,
];

function globalHeader(record: string): Buffer {
  return member({ name: './GlobalHead.1', type: 'g', body: `${record.length + 4} ${record}\n` });
}

/** A reader that applies the PAX size to the long name sees other members than one that does not (CVE-2026-53655). */
function smuggled(): Buffer {
  const hidden = archive(evil('web/shop/smuggled'));
  return Buffer.concat([
    paxMember({ size: '512' }),
    member({ name: '././@LongLink', type: 'L', body: 'web/shop/x\x00' }),
    member({ ...evil('web/shop/x'), body: hidden }),
  ]);
}

function halved(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 0x10;
  return copy;
}
