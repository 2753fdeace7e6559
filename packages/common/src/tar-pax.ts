// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Refuse } from './tar-header.ts';

/** What the PAX records of one member say; values that are only kept for the restore (xattrs, ACLs) are left out. */
export interface PaxRecords {
  path?: string;
  linkpath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  /** Nanoseconds since 1970. */
  mtimeNs?: bigint;
  sparseMajor?: number;
  sparseMinor?: number;
  sparseName?: string;
  /** Size of a sparse file as a reader of the file sees it, in bytes. */
  sparseSize?: number;
}

interface RawRecord {
  readonly key: string;
  readonly value: string;
  /** Where the next record starts. */
  readonly end: number;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/** Seconds with up to nine decimals; 64 bits of seconds have at most 19 digits. */
const TIME = /^(-?)(\d{1,19})(?:\.(\d{1,9}))?$/;
const NUMBER = /^(?:0|[1-9]\d{0,15})$/;
const ID_MAX = 0xffff_ffff;

/**
 * Reads the records of a PAX header (POSIX.1-2008, "pax Extended Header"), one character per byte. Only keys that
 * GNU tar 1.34 writes are known, each at most once.
 */
export function parsePax(body: Buffer, refuse: Refuse): PaxRecords {
  const records: PaxRecords = {};
  const seen: string[] = [];
  let at = 0;
  while (at < body.length) {
    const { key, value, end } = readRecord(body, at, refuse);
    if (seen.includes(key)) refuse(`its PAX header has ${JSON.stringify(key)} twice`);
    seen.push(key);
    take(records, key, value, refuse);
    at = end;
  }
  if (at === 0) refuse('its PAX header is empty');
  return records;
}

/** `<length> <key>=<value>\n`; the length counts the whole record. */
function readRecord(body: Buffer, at: number, refuse: Refuse): RawRecord {
  const space = body.indexOf(SPACE, at);
  const digits = space < 0 || space - at > 8 ? '' : body.toString('latin1', at, space);
  const end = at + (NUMBER.test(digits) ? Number(digits) : 0);
  if (end <= space + 1 || end > body.length) return refuse('a record of its PAX header has a wrong length');
  if (body[end - 1] !== NEWLINE) refuse('a record of its PAX header does not end in a newline');
  const equals = body.indexOf(EQUALS, space);
  if (equals <= space + 1 || equals >= end) refuse('a record of its PAX header has no key');
  return { key: body.toString('latin1', space + 1, equals), value: body.toString('latin1', equals + 1, end - 1), end };
}

function take(records: PaxRecords, key: string, value: string, refuse: Refuse): void {
  switch (key) {
    case 'mtime':
      records.mtimeNs = parseTime(key, value, refuse);
      return;
    case 'path':
      records.path = parseName(key, value, refuse);
      return;
    case 'linkpath':
      records.linkpath = parseName(key, value, refuse);
      return;
    case 'size':
      records.size = parseCount(key, value, refuse);
      return;
    case 'uid':
      records.uid = parseId(key, value, refuse);
      return;
    case 'gid':
      records.gid = parseId(key, value, refuse);
      return;
    default:
      if (!takeSparse(records, key, value, refuse)) checkPassedOn(key, value, refuse);
  }
}

/** Sparse files in GNU tar's format 1.0, the one it writes unless told otherwise. */
function takeSparse(records: PaxRecords, key: string, value: string, refuse: Refuse): boolean {
  if (key === 'GNU.sparse.major') records.sparseMajor = parseCount(key, value, refuse);
  else if (key === 'GNU.sparse.minor') records.sparseMinor = parseCount(key, value, refuse);
  else if (key === 'GNU.sparse.name') records.sparseName = parseName(key, value, refuse);
  else if (key === 'GNU.sparse.realsize') records.sparseSize = parseCount(key, value, refuse);
  else return false;
  return true;
}

/** Records that change nothing of what is recorded about a member; GNU tar reads them again at the restore. */
function checkPassedOn(key: string, value: string, refuse: Refuse): void {
  if (key === 'atime' || key === 'ctime') parseTime(key, value, refuse);
  else if (key === 'hdrcharset') checkCharset(value, refuse);
  else if (!isPassedOn(key))
    refuse(`its PAX header has the key ${JSON.stringify(key)}, which is not one that is used here`);
}

function isPassedOn(key: string): boolean {
  if (key.includes('\x00')) return false;
  if (key.startsWith('SCHILY.xattr.')) return key.length > 'SCHILY.xattr.'.length;
  return ['SCHILY.acl.access', 'SCHILY.acl.default', 'RHT.security.selinux', 'uname', 'gname'].includes(key);
}

function checkCharset(value: string, refuse: Refuse): void {
  if (value !== 'BINARY' && value !== 'ISO-IR 10646 2000 UTF-8')
    refuse('its PAX header names an unknown character set');
}

function parseName(key: string, value: string, refuse: Refuse): string {
  if (value === '') refuse(`the ${key} in its PAX header is empty`);
  return value.includes('\x00') ? refuse(`the ${key} in its PAX header has a NUL inside`) : value;
}

function parseCount(key: string, value: string, refuse: Refuse): number {
  const count = NUMBER.test(value) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(count) ? count : refuse(`the ${key} in its PAX header is not a size`);
}

function parseId(key: string, value: string, refuse: Refuse): number {
  const id = parseCount(key, value, refuse);
  return id > ID_MAX ? refuse(`the ${key} in its PAX header is above ${ID_MAX}`) : id;
}

function parseTime(key: string, value: string, refuse: Refuse): bigint {
  const match = TIME.exec(value);
  if (match === null) return refuse(`the ${key} in its PAX header is not a time`);
  const [, sign, seconds, fraction = ''] = match;
  return BigInt(`${sign}${seconds}${fraction.padEnd(9, '0')}`);
}
