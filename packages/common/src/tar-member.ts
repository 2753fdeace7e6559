// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from './byte-path.ts';
import type { Entry, EntryType } from './entry.ts';
import { OCTAL_SIZE_MAX, type Refuse, type TarHeader } from './tar-header.ts';
import type { PaxRecords } from './tar-pax.ts';

/** What stood before a member's own header. */
export interface MemberPrefix {
  readonly pax?: PaxRecords | undefined;
  /** Of GNU format. */
  readonly longName?: string | undefined;
  readonly longLink?: string | undefined;
}

export interface TarMember {
  /** Without the hash, which comes with the content. */
  readonly entry: Entry;
  /** Bytes of data in the archive, without padding; of a sparse file its map and what is no hole. */
  readonly stored: number;
  readonly sparse: boolean;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

const NO_RECORDS: PaxRecords = {};

/**
 * Puts a header and what stood before it together. Where two places say something about the same thing they have to
 * agree as GNU tar makes them agree, so that no other reader can take the archive for something else.
 */
export function assembleMember(header: TarHeader, prefix: MemberPrefix, refuse: Refuse): TarMember {
  const pax = prefix.pax ?? NO_RECORDS;
  const type = TYPES[header.type] ?? refuse('its type is not that of a member');
  const stored = sizeOf(header, pax, refuse);
  const sparse = isSparse(pax, type, refuse);
  if (type !== 'file' && stored !== 0) refuse(`it is a ${type} with data`);
  const entry = {
    path: pathOf(header, prefix, type, refuse),
    type,
    mode: header.mode,
    uid: override('uid', header.uid, pax.uid, refuse),
    gid: override('gid', header.gid, pax.gid, refuse),
    size: sparse ? (pax.sparseSize as number) : stored,
    mtimeNs: pax.mtimeNs ?? BigInt(header.mtime) * 1_000_000_000n,
  };
  const link = linkOf(header, prefix, type, refuse);
  return { entry: link === undefined ? entry : { ...entry, link }, stored, sparse };
}

/** Without leading `./` and trailing `/`; the root is `.`. */
function normalisePath(name: string): BytePath {
  const start = name.startsWith('./') ? 2 : 0;
  const end = name.endsWith('/') && name.length > 1 ? name.length - 1 : name.length;
  return (start >= end ? '.' : name.slice(start, end)) as BytePath;
}

/** GNU tar writes a PAX size only for what does not fit into the header, and zero there. */
function sizeOf(header: TarHeader, pax: PaxRecords, refuse: Refuse): number {
  if (pax.size === undefined) return header.size;
  const fits = pax.size <= OCTAL_SIZE_MAX;
  return fits || header.size !== 0
    ? refuse('the sizes in its header and its PAX header contradict each other')
    : pax.size;
}

function override(field: string, inHeader: number, inPax: number | undefined, refuse: Refuse): number {
  if (inPax === undefined) return inHeader;
  const agrees = inHeader === 0 || inHeader === inPax;
  return agrees ? inPax : refuse(`the ${field}s in its header and its PAX header contradict each other`);
}

function isSparse(pax: PaxRecords, type: EntryType, refuse: Refuse): boolean {
  const { sparseMajor, sparseMinor, sparseName, sparseSize } = pax;
  const given = [sparseMajor, sparseMinor, sparseName, sparseSize].filter((value) => value !== undefined).length;
  if (given === 0) return false;
  if (given < 4 || sparseMajor !== 1 || sparseMinor !== 0) refuse('it is a sparse file in another format than GNU 1.0');
  return type === 'file' ? true : refuse(`it is a ${type} with the records of a sparse file`);
}

function pathOf(header: TarHeader, prefix: MemberPrefix, type: EntryType, refuse: Refuse): BytePath {
  const { pax, longName } = prefix;
  const long = pax?.path ?? longName;
  // A header has room for 100 bytes of a long name; GNU format keeps the last one for a NUL.
  if (long !== undefined && !long.startsWith(header.name))
    refuse('the names in its header and before it contradict each other');
  const name = pax?.sparseName ?? long ?? header.name;
  if (name.endsWith('/') && type !== 'directory') refuse(`it is a ${type} and its name ends in a slash`);
  return normalisePath(name);
}

function linkOf(header: TarHeader, prefix: MemberPrefix, type: EntryType, refuse: Refuse): BytePath | undefined {
  const long = prefix.pax?.linkpath ?? prefix.longLink;
  const isLink = type === 'symlink' || type === 'hardlink';
  const link = long ?? header.link;
  if (!isLink) return link === '' ? undefined : refuse(`it is a ${type} with a link target`);
  if (link === '') refuse('it is a link without target');
  if (!link.startsWith(header.link)) refuse('the link targets in its header and before it contradict each other');
  return type === 'hardlink' ? normalisePath(link) : (link as BytePath);
}
