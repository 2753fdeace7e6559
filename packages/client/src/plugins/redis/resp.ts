// SPDX-License-Identifier: AGPL-3.0-or-later

/** A reply of the server, RESP version 2. Texts are bytes. */
export type Reply = Buffer | number | null | ReplyError | readonly Reply[];

/** What the server says instead of an answer. */
export class ReplyError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** The server's own limit for one text (proto-max-bulk-len), with room for what DUMP adds. */
const LARGEST_TEXT = 513 * 1024 * 1024;
const MOST_ELEMENTS = 1024 * 1024;
const DEEPEST = 8;
const LONGEST_LINE = 64 * 1024;

const CRLF = Buffer.from('\r\n');

/** A command as it goes over the wire, and as it stands in a file of keys: a list of texts. */
export function encodeCommand(words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

/** Reads replies out of a stream of bytes, or commands out of a file of keys. What it is given may be hostile: everything is bounded. */
export class RespReader {
  #chunks: Buffer[] = [];
  #length = 0;
  /** No reply is whole before so many bytes are there: a large text is put together once, not with every chunk. */
  #needed = 0;

  /** @returns the replies that are whole now; throws an Error where the bytes are none */
  push(chunk: Buffer): Reply[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return [];
    const bytes = Buffer.concat(this.#chunks);
    const replies: Reply[] = [];
    const cursor = { bytes, position: 0 };
    let rest = 0;
    this.#needed = 0;
    for (;;) {
      const reply = readReply(cursor, 0);
      if (typeof reply === 'object' && reply !== null && 'needed' in reply) {
        this.#needed = reply.needed - rest;
        break;
      }
      replies.push(reply);
      rest = cursor.position;
      if (rest === bytes.length) break;
    }
    // A copy: a small reply must not keep a large buffer alive.
    this.#chunks = rest === bytes.length ? [] : [Buffer.from(bytes.subarray(rest))];
    this.#length = bytes.length - rest;
    return replies;
  }

  /** True between two replies: nothing has been begun that did not end. */
  get empty(): boolean {
    return this.#length === 0;
  }
}

interface Cursor {
  readonly bytes: Buffer;
  position: number;
}

/** The reply is not whole; so many bytes are needed at least. */
interface Needed {
  readonly needed: number;
}

function readReply(cursor: Cursor, depth: number): Reply | Needed {
  const end = cursor.bytes.indexOf(CRLF, cursor.position);
  if (end < 0) {
    if (cursor.bytes.length - cursor.position > LONGEST_LINE) throw new Error('a line of it is too long');
    return { needed: cursor.bytes.length + 1 };
  }
  const kind = String.fromCharCode(cursor.bytes[cursor.position] ?? 0);
  const text = cursor.bytes.subarray(cursor.position + 1, end);
  cursor.position = end + CRLF.length;
  if (kind === '+') return Buffer.from(text);
  if (kind === '-') return new ReplyError(text.toString('latin1'));
  const number = Number(text.toString('latin1'));
  if (!Number.isSafeInteger(number) || text.length === 0) throw new Error('a number in it is none');
  if (kind === ':') return number;
  if (kind === '$') return readText(cursor, number);
  if (kind === '*') return readList(cursor, number, depth);
  throw new Error('it is not the protocol of Redis');
}

function readText(cursor: Cursor, length: number): Reply | Needed {
  if (length === -1) return null;
  if (length < 0 || length > LARGEST_TEXT) throw new Error('a text in it is too long');
  const end = cursor.position + length;
  if (cursor.bytes.length < end + CRLF.length) return { needed: end + CRLF.length };
  const text = Buffer.from(cursor.bytes.subarray(cursor.position, end));
  if (!cursor.bytes.subarray(end, end + CRLF.length).equals(CRLF)) throw new Error('a text in it has no end');
  cursor.position = end + CRLF.length;
  return text;
}

function readList(cursor: Cursor, length: number, depth: number): Reply | Needed {
  if (length === -1) return null;
  if (length < 0 || length > MOST_ELEMENTS || depth >= DEEPEST) throw new Error('a list in it is too long');
  const list: Reply[] = [];
  while (list.length < length) {
    const element = readReply(cursor, depth + 1);
    if (typeof element === 'object' && element !== null && 'needed' in element) return element;
    list.push(element);
  }
  return list;
}
