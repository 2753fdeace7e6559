// SPDX-License-Identifier: AGPL-3.0-or-later

/** Ends the reading of an archive that is not what GNU tar writes; whoever calls a parser says where it stands. */
export type Refuse = (what: string) => never;

/** Archives are made of blocks of this many bytes. */
export const BLOCK = 512;

/** The highest number that fits into the 11 octal digits of a size. */
export const OCTAL_SIZE_MAX = 0o77777777777;

/** What a header block says, before PAX records or GNU long names are taken into account. */
export interface TarHeader {
  /** `gnu` (GNU tar's default format) or `posix` (ustar with PAX records). */
  readonly format: 'gnu' | 'posix';
  /** One character per byte; a directory's name ends in a slash. */
  readonly name: string;
  /** Type flag: `0` file, `1` hard link, `2` symlink, `3` `4` devices, `5` directory, `6` FIFO, `x` PAX, `L` `K` long names. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data that follow, without padding. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly link: string;
}

/** Where a number stands in a header block, and what it may be. */
interface NumberField {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly max: number;
}

const MODE: NumberField = { name: 'mode', offset: 100, length: 8, max: 0o7777 };
const UID: NumberField = { name: 'uid', offset: 108, length: 8, max: 0xffff_ffff };
const GID: NumberField = { name: 'gid', offset: 116, length: 8, max: 0xffff_ffff };
const SIZE: NumberField = { name: 'size', offset: 124, length: 12, max: Number.MAX_SAFE_INTEGER };
const MTIME: NumberField = { name: 'mtime', offset: 136, length: 12, max: Number.MAX_SAFE_INTEGER };
const MAJOR: NumberField = { name: 'device number', offset: 329, length: 8, max: 0xffff_ffff };
const MINOR: NumberField = { name: 'device number', offset: 337, length: 8, max: 0xffff_ffff };

const ZERO = 0x30;
const SEVEN = 0x37;
const SPACE = 0x20;
const CHECKSUM = 148;
const KNOWN_TYPES = '0123456xLK';
const POSIX_MAGIC = 'ustar\x0000';
const GNU_MAGIC = 'ustar  \x00';

/**
 * Reads the header block at `at`: layout and number formats as GNU tar 1.34 writes them, see its manual, "Basic Tar
 * Format". Spaces in numbers, old v7 headers and the types of other programs are refused.
 */
export function parseHeader(block: Buffer, at: number, refuse: Refuse): TarHeader {
  checkSum(block, at, refuse);
  const format = formatOf(block, at, refuse);
  const type = String.fromCharCode(block[at + 156] as number);
  if (!KNOWN_TYPES.includes(type))
    refuse(`its type flag 0x${type.charCodeAt(0).toString(16)} is not one that is used here`);
  checkDevice(block, at, type, refuse);
  const mtime = parseNumber(block, at, MTIME);
  return {
    format,
    name: nameOf(block, at, format, refuse),
    type,
    mode: bounded(parseNumber(block, at, MODE), MODE, refuse),
    uid: bounded(parseNumber(block, at, UID), UID, refuse),
    gid: bounded(parseNumber(block, at, GID), GID, refuse),
    size: bounded(parseNumber(block, at, SIZE), SIZE, refuse),
    mtime: Number.isSafeInteger(mtime) ? mtime : refuse('its mtime is not a number that GNU tar writes'),
    link: parseText(block, at + 157, 100, refuse),
  };
}

/** True where `length` bytes from `at` on are all zero. */
export function isZero(bytes: Buffer, at: number, length: number): boolean {
  for (let index = at; index < at + length; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

/** Sum of all bytes of a header block, the checksum field itself counted as spaces. */
function headerSum(block: Buffer, at: number): number {
  let sum = 8 * SPACE;
  for (let index = at; index < at + CHECKSUM; index += 1) sum += block[index] as number;
  for (let index = at + CHECKSUM + 8; index < at + BLOCK; index += 1) sum += block[index] as number;
  return sum;
}

/** Six octal digits, NUL, space. */
function checkSum(block: Buffer, at: number, refuse: Refuse): void {
  const written = block[at + CHECKSUM + 7] === SPACE ? parseOctal(block, at + CHECKSUM, 7) : Number.NaN;
  if (written !== headerSum(block, at)) refuse('the checksum of its header is wrong: damaged, or not a tar archive');
}

function formatOf(block: Buffer, at: number, refuse: Refuse): TarHeader['format'] {
  const magic = block.toString('latin1', at + 257, at + 265);
  if (magic === POSIX_MAGIC) return 'posix';
  return magic === GNU_MAGIC ? 'gnu' : refuse('its header is neither in posix nor in gnu format');
}

/** In posix format a name may be split into prefix and name; gnu format has things for incremental archives there. */
function nameOf(block: Buffer, at: number, format: TarHeader['format'], refuse: Refuse): string {
  const name = parseText(block, at, 100, refuse);
  if (name === '') refuse('it has no name');
  const hasPrefix = block[at + 345] !== 0 && format === 'posix';
  const unused = hasPrefix ? 500 : 345;
  if (!isZero(block, at + unused, BLOCK - unused)) refuse('its header holds fields that full archives do not have');
  return hasPrefix ? `${parseText(block, at + 345, 155, refuse)}/${name}` : name;
}

/** Text up to the first NUL, one character per byte; nothing may be hidden behind the NUL. */
function parseText(block: Buffer, at: number, length: number, refuse: Refuse): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end += 1;
  if (!isZero(block, end, at + length - end)) refuse('its header holds a text with a NUL inside');
  return end === at ? '' : block.toString('latin1', at, end);
}

function checkDevice(block: Buffer, at: number, type: string, refuse: Refuse): void {
  const isDevice = type === '3' || type === '4';
  for (const field of [MAJOR, MINOR]) {
    if (block[at + field.offset] === 0 && isZero(block, at + field.offset, field.length)) continue;
    const number = bounded(parseNumber(block, at, field), field, refuse);
    if (number !== 0 && !isDevice) refuse('it has a device number and is no device');
  }
}

/** Octal digits that fill the field and a NUL, or base-256 for what does not fit; NaN for anything else. */
function parseNumber(block: Buffer, at: number, { offset, length }: NumberField): number {
  const first = block[at + offset];
  return first === 0x80 || first === 0xff
    ? parseBase256(block, at + offset, length)
    : parseOctal(block, at + offset, length);
}

function bounded(value: number, { name, max }: NumberField, refuse: Refuse): number {
  if (Number.isNaN(value)) return refuse(`its ${name} is not a number that GNU tar writes`);
  return value < 0 || value > max ? refuse(`its ${name} ${value} is not between 0 and ${max}`) : value;
}

function parseOctal(block: Buffer, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length - 1; index += 1) {
    const digit = block[index] as number;
    if (digit < ZERO || digit > SEVEN) return Number.NaN;
    value = value * 8 + (digit - ZERO);
  }
  return block[at + length - 1] === 0 ? value : Number.NaN;
}

/** Big-endian two's complement behind a first byte that only holds the sign: 0x80 for plus, 0xff for minus. */
function parseBase256(block: Buffer, at: number, length: number): number {
  const rest = BigInt(`0x${block.toString('hex', at + 1, at + length)}`);
  const value = Number(block[at] === 0xff ? rest - (1n << BigInt(8 * (length - 1))) : rest);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
