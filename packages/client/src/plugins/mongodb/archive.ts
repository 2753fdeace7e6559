// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';

/*
 * The archive of mongodump (mongo-tools, common/archive): a magic number, documents about the archive and its collections,
 * a terminator; then blocks, each a document that names a collection, documents of it, a terminator. The last block of a
 * collection says EOF. Documents are BSON: four bytes of length, then so many bytes less four.
 */

const MAGIC = 0x8199e26d;
const TERMINATOR = -1;

/** The largest document (16 MiB), with room for what internal ones may have more. */
const LARGEST_DOCUMENT = 17 * 1024 * 1024;

/** A header of a block names a database and a collection. */
const LARGEST_HEADER = 16 * 1024;

const CHUNK = 1024 * 1024;

/**
 * Reads the structure of an archive, which may be hostile, from its beginning to its end.
 * @returns documents of each collection by its full name, `shop.orders`
 * @throws BackupError `untrusted` where it is not whole
 */
export async function readArchive(file: string): Promise<ReadonlyMap<string, number>> {
  const handle = await open(file);
  try {
    const reader = new Reader(handle);
    if ((await reader.take(4)).readUInt32LE() !== MAGIC)
      throw refused('it does not begin as an archive of mongodump does');
    while ((await reader.document()) !== undefined);
    return await readBlocks(reader);
  } finally {
    await handle.close();
  }
}

/** Version of the server that an archive comes from, as `7.0.5`; undefined where it does not say. */
export async function serverVersionOf(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const reader = new Reader(handle);
    await reader.take(4);
    const prelude = await reader.document(LARGEST_HEADER);
    if (prelude === undefined) return undefined;
    for (const [name, value] of elementsOf(prelude)) if (name === 'server_version') return textOf(value);
    return undefined;
  } finally {
    await handle.close();
  }
}

async function readBlocks(reader: Reader): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const open = new Set<string>();
  while (!(await reader.ended())) {
    const header = await reader.header();
    let documents = 0;
    while ((await reader.document()) !== undefined) documents += 1;
    counts.set(header.name, (counts.get(header.name) ?? 0) + documents);
    if (header.isEnd) open.delete(header.name);
    else open.add(header.name);
  }
  const [unfinished] = open;
  if (unfinished !== undefined) throw refused(`the collection ${unfinished} has no end`);
  return counts;
}

interface BlockHeader {
  readonly name: string;
  readonly isEnd: boolean;
}

class Reader {
  readonly #handle: FileHandle;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async ended(): Promise<boolean> {
    return !(await this.#fill(1));
  }

  async take(bytes: number): Promise<Buffer> {
    if (!(await this.#fill(bytes))) throw refused('it ends before its end');
    const taken = this.#buffer.subarray(0, bytes);
    this.#buffer = this.#buffer.subarray(bytes);
    return taken;
  }

  /** The next document without its length; undefined: a terminator. */
  async document(largest: number = LARGEST_DOCUMENT): Promise<Buffer | undefined> {
    const length = (await this.take(4)).readInt32LE();
    if (length === TERMINATOR) return undefined;
    if (length < 5 || length > largest) throw refused('the length of a document is wrong');
    const document = await this.take(length - 4);
    if (document.at(-1) !== 0) throw refused('a document has no end');
    return document;
  }

  async header(): Promise<BlockHeader> {
    const document = await this.document(LARGEST_HEADER);
    if (document === undefined) throw refused('a block has no name');
    return blockHeader(document);
  }

  async #fill(bytes: number): Promise<boolean> {
    while (this.#buffer.length < bytes) {
      const size = Math.max(CHUNK, bytes);
      const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(size), 0, size, this.#position);
      if (bytesRead === 0) return false;
      this.#position += bytesRead;
      this.#buffer = Buffer.concat([this.#buffer, buffer.subarray(0, bytesRead)]);
    }
    return true;
  }
}

/** Bytes of values by their type: text, truth value, 32 and 64 bit numbers are all that there is in a header. */
const TEXT = 0x02;
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [0x08, 1],
  [0x10, 4],
  [0x12, 8],
]);

function blockHeader(document: Buffer): BlockHeader {
  const values = new Map(elementsOf(document));
  return {
    name: `${textOf(values.get('db'))}.${textOf(values.get('collection'))}`,
    isEnd: values.get('EOF')?.[0] === 1,
  };
}

function textOf(value: Buffer | undefined): string {
  return value?.toString('utf8', 4).slice(0, -1) ?? '';
}

/** Names and bytes of the values of a document, without its length. */
function* elementsOf(document: Buffer): Generator<[string, Buffer]> {
  let position = 0;
  while (document[position] !== 0) {
    const type = document[position] ?? 0;
    const start = document.indexOf(0, position + 1) + 1;
    const width = type === TEXT ? textWidth(document, start) : WIDTHS.get(type);
    if (start === 0 || width === undefined || start + width >= document.length) {
      throw refused('the name of a block cannot be read');
    }
    yield [document.toString('utf8', position + 1, start - 1), document.subarray(start, start + width)];
    position = start + width;
  }
}

function textWidth(document: Buffer, position: number): number | undefined {
  if (position + 4 > document.length) return undefined;
  const length = document.readInt32LE(position);
  return length < 1 ? undefined : 4 + length;
}

function refused(reason: string): BackupError {
  return new BackupError('untrusted', `The archive is not whole: ${reason}.`);
}
