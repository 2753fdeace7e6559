// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzipSync } from 'node:zlib';

/** One member, right by default (posix format, as GNU tar writes it); whatever is given makes it odd. Names are latin1. */
export interface Member {
  readonly name: string;
  /** Type flag: `0` file, `1` hard link, `2` symlink, `3` `4` devices, `5` directory, `6` FIFO, `x` PAX, ... */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
  readonly body?: string | Buffer;
  /** Of the header; default is the length of the body. */
  readonly size?: number;
  /** PAX records that go before the member. */
  readonly pax?: Readonly<Record<string, string>>;
  /** Bytes written over the header, by offset, before the checksum is made. */
  readonly patch?: Readonly<Record<number, string | Buffer>>;
  readonly badChecksum?: boolean;
}

/** The two zero blocks that end an archive. */
export const END = Buffer.alloc(1024);

/** `<length> <key>=<value>\n`, the length counting itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return `${length}${rest}`;
}

/** Header, data and padding of a member. */
export function member(options: Member): Buffer {
  const body = Buffer.isBuffer(options.body) ? options.body : Buffer.from(options.body ?? '', 'latin1');
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  const own = Buffer.concat([header(options, body.length), body, padding]);
  return options.pax === undefined ? own : Buffer.concat([paxMember(options.pax), own]);
}

/** A PAX header block with these records. */
export function paxMember(records: Readonly<Record<string, string>>): Buffer {
  const body = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return member({ name: './PaxHeaders/x', type: 'x', body: body.join('') });
}

/** A whole archive, uncompressed. */
export function archive(...members: readonly (Member | Buffer)[]): Buffer {
  return Buffer.concat([...members.map((one) => (Buffer.isBuffer(one) ? one : member(one))), END]);
}

/** A whole archive, compressed. */
export function gzArchive(...members: readonly (Member | Buffer)[]): Buffer {
  return gzipSync(archive(...members), { level: 1 });
}

function header(options: Member, length: number): Buffer {
  const block = Buffer.alloc(512);
  const type = options.type ?? '0';
  block.write(options.name.slice(0, 100), 0, 'latin1');
  block.write(octal(options.mode ?? (type === '5' ? 0o755 : 0o644), 7), 100);
  block.write(octal(options.uid ?? 0, 7), 108);
  block.write(octal(options.gid ?? 0, 7), 116);
  block.write(octal(options.size ?? length, 11), 124);
  block.write(octal(options.mtime ?? 1_700_000_000, 11), 136);
  block.write(type, 156);
  block.write((options.link ?? '').slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  if (type !== 'x') block.write('0000000\x000000000\x00', 329, 'latin1');
  for (const [offset, bytes] of Object.entries(options.patch ?? {})) Buffer.from(bytes).copy(block, Number(offset));
  return withChecksum(block, options.badChecksum === true ? 1 : 0);
}

/** Fills in the checksum of a header block, wrong by `error`. */
function withChecksum(block: Buffer, error = 0): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum + error, 6)}\x00 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
