// SPDX-License-Identifier: AGPL-3.0-or-later
import { gunzipSync, gzipSync } from 'node:zlib';
import { textOf } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { parseHeader } from '@local-backup/common/tar-header';
import { createTarReader } from '@local-backup/common/tar-stream';

/** Archives of a few small files that are made and read in memory: secrets never touch the disk unencrypted. */

/** A file, or without content a directory. Paths are relative, times in seconds since 1970. */
export interface Member {
  readonly path: string;
  readonly content?: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/** What an archive holds, by path. */
export interface Contents {
  /** The content of the first member. */
  readonly first: Buffer;
  /** Of all files, lower-case hex. */
  readonly sha256: ReadonlyMap<string, string>;
}

const BLOCK = 512;
const NAME_BYTES = 100;
/** A header has room for no higher number; such a file becomes root's. */
const MAX_ID = 0o7777777;

/** Far above what a kit holds; a file that unpacks to more is none of ours. */
const MOST_BYTES = 256 * 1024 * 1024;
const LIMITS = {
  entries: 200_000,
  bytes: MOST_BYTES,
  pathBytes: 8_192,
  depth: 1_000,
  metaBytes: 64 * 1024,
  sparseRegions: 0,
};

/** A gzipped tar archive in posix format. */
export function packMembers(members: readonly Member[]): Buffer {
  return gzipSync(Buffer.concat([...members.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]));
}

/** @throws BackupError `untrusted` where this is not an archive as {@link packMembers} makes it */
export function readMembers(packed: Uint8Array): Contents {
  const archive = unpack(packed);
  const sha256 = new Map<string, string>();
  const reader = createTarReader({
    limits: LIMITS,
    onEntry: (entry) => {
      if (entry.sha256 !== undefined) sha256.set(textOf(entry.path) ?? entry.path, entry.sha256);
    },
  });
  reader.write(archive);
  reader.end();
  const { size } = parseHeader(archive, 0, refuse);
  return { first: archive.subarray(BLOCK, BLOCK + size), sha256 };
}

function unpack(packed: Uint8Array): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: MOST_BYTES });
  } catch (cause) {
    throw new BackupError('untrusted', 'This is no recovery kit: what is inside is not gzip.', { cause });
  }
}

function refuse(what: string): never {
  throw new BackupError('untrusted', `This is no recovery kit: ${what}.`);
}

/** Header and data; a PAX header goes before where the name does not fit. */
function blocksOf(member: Member): readonly Buffer[] {
  const isDirectory = member.content === undefined;
  const name = Buffer.from(isDirectory ? `${member.path}/` : member.path);
  const data = Buffer.from(member.content ?? []);
  const own = [header({ ...member, type: isDirectory ? '5' : '0' }, name, data.length), padded(data)];
  const isPlain = name.length <= NAME_BYTES && name.every((byte) => byte < 0x80);
  if (isPlain) return own;
  const record = paxRecord(Buffer.concat([Buffer.from('path='), name, Buffer.from('\n')]));
  const paxName = Buffer.from('PaxHeaders/member');
  return [header({ mode: 0o600, uid: 0, gid: 0, mtime: 0, type: 'x' }, paxName, record.length), padded(record), ...own];
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function paxRecord(rest: Buffer): Buffer {
  let length = rest.length + 2;
  while (String(length).length + 1 + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(`${length} `), rest]);
}

type Facts = Pick<Member, 'mode' | 'uid' | 'gid' | 'mtime'> & { readonly type: string };

function header({ mode, uid, gid, mtime, type }: Facts, name: Buffer, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  name.copy(block, 0, 0, NAME_BYTES);
  block.write(octal(mode & 0o7777, 7), 100, 'latin1');
  block.write(octal(uid > MAX_ID ? 0 : uid, 7), 108, 'latin1');
  block.write(octal(gid > MAX_ID ? 0 : gid, 7), 116, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(Math.max(0, Math.floor(mtime)), 11), 136, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\x00 `, 148, 'latin1');
  return block;
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
