// SPDX-License-Identifier: AGPL-3.0-or-later
import { BLOCK, isZero, type Refuse, type TarHeader } from './tar-header.ts';
import type { MemberPrefix } from './tar-member.ts';
import { type PaxRecords, parsePax } from './tar-pax.ts';

export interface TarPrefixOptions {
  /** Longest PAX header or long name, in bytes. */
  readonly maxBytes: number;
  readonly refuse: Refuse;
}

/**
 * What stands before a member's own header: a PAX header before a posix member, a long name and a long link target
 * before a gnu one, each at most once.
 */
export class TarPrefix implements MemberPrefix {
  pax: PaxRecords | undefined;
  longName: string | undefined;
  longLink: string | undefined;
  /** Of all bodies, without padding. */
  bytes = 0;
  readonly #options: TarPrefixOptions;
  #header: TarHeader | undefined;

  constructor(options: TarPrefixOptions) {
    this.#options = options;
  }

  /** Nothing has been read since {@link clear}. */
  get empty(): boolean {
    return this.#header === undefined;
  }

  /** The name that is known already, for messages. */
  get name(): string | undefined {
    return this.pax?.sparseName ?? this.pax?.path ?? this.longName;
  }

  clear(): void {
    this.pax = undefined;
    this.longName = undefined;
    this.longLink = undefined;
    this.bytes = 0;
    this.#header = undefined;
  }

  /** The header of a PAX header or long name has been read; returns the bytes that have to follow, with padding. */
  start(header: TarHeader): number {
    const { maxBytes, refuse } = this.#options;
    if ((header.type === 'x') !== (header.format === 'posix')) refuse('its headers mix posix and gnu format');
    if (header.size === 0 || header.size > maxBytes) {
      refuse(`a header before it has ${header.size} bytes, which is not between 1 and ${maxBytes}`);
    }
    this.bytes += header.size;
    this.#header = header;
    return Math.ceil(header.size / BLOCK) * BLOCK;
  }

  /** The bytes that had to follow are in this buffer, from `start` on. */
  take(buffer: Buffer, start: number): void {
    const { refuse } = this.#options;
    const { type, size } = this.#header ?? refuse('it has a body without a header');
    const end = start + size;
    if (!isZero(buffer, end, (BLOCK - (size % BLOCK)) % BLOCK)) refuse('there are no zeros behind a header before it');
    if (type === 'x') this.pax = once(this.pax, refuse) ?? parsePax(buffer.subarray(start, end), refuse);
    else if (type === 'L') this.longName = once(this.longName, refuse) ?? this.#text(buffer, start, end);
    else this.longLink = once(this.longLink, refuse) ?? this.#text(buffer, start, end);
  }

  /** The member's own header: what stands before it has to be of its format. */
  check({ format }: TarHeader): void {
    if (!this.empty && (this.pax !== undefined) !== (format === 'posix')) {
      this.#options.refuse('its headers mix posix and gnu format');
    }
  }

  /** A name and one NUL. */
  #text(buffer: Buffer, start: number, end: number): string {
    const text = buffer.toString('latin1', start, end - 1);
    const sound = buffer[end - 1] === 0 && text !== '' && !text.includes('\x00');
    return sound ? text : this.#options.refuse('its long name does not end in one NUL');
  }
}

function once(present: unknown, refuse: Refuse): undefined {
  if (present !== undefined) refuse('two headers of the same kind stand before it');
}
