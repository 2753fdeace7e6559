// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from './byte-path.ts';
import { BackupError } from './errors.ts';
import { TarCollector } from './tar-collector.ts';
import { TarContent } from './tar-content.ts';
import { BLOCK, isZero, parseHeader, type TarHeader } from './tar-header.ts';
import { createKeptBytes, type KeptBytes } from './tar-kept.ts';
import type { TarTotals } from './tar-limits.ts';
import { assembleMember, type TarMember } from './tar-member.ts';
import { TarPrefix } from './tar-prefix.ts';
import type { CutOff, TarReader, TarReaderOptions } from './tar-reader.ts';
import { TarTally } from './tar-tally.ts';

/** Bytes of holes that are hashed in one turn: some 40 ms. */
const HOLE_SLICE = 64 * 1024 * 1024;

/** GNU tar fills the last record, 10 KiB unless told otherwise, with zeros. */
const MAX_PADDING = 1024 * 1024;

/** Members with more data than this are handed on as they come, all others when they are whole. */
const LARGE_BYTES = 1024 * 1024;

/**
 * Reads archives as GNU tar writes them in posix and gnu format, and refuses everything else: what this reader
 * accepts, GNU tar sees in the same way. Bytes in, entries out, nothing asynchronous: call {@link TarReader.write}
 * with chunks of any size. It never touches a file.
 */
export function createTarReader(options: TarReaderOptions): TarReader {
  return new StrictReader(options);
}

class StrictReader implements TarReader {
  readonly #options: TarReaderOptions;
  readonly #prefix: TarPrefix;
  readonly #content: TarContent;
  readonly #tally: TarTally;
  readonly #kept: KeptBytes | undefined;
  readonly #collector = new TarCollector();
  #state: 'header' | 'meta' | 'content' | 'padding' | 'end' = 'header';
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Bytes before the chunk. */
  #base = 0;
  /** For messages: where the member started, and its name as far as it is known. */
  #memberOffset = 0;
  #memberName = '';
  /** The member whose content is being read, and what is to become of it. */
  #member: TarMember | undefined;
  #verdict: 'keep' | 'drop' | undefined;
  #paddingLeft = 0;
  #endBlocks = 0;

  constructor(options: TarReaderOptions) {
    this.#options = options;
    const { hash = true, limits, onRaw, onLarge = () => undefined } = options;
    this.#kept = onRaw && createKeptBytes({ onBytes: onRaw, onLarge });
    this.#tally = new TarTally(limits, this.#refuse);
    this.#prefix = new TarPrefix({ maxBytes: limits.metaBytes, refuse: this.#refuse });
    this.#content = new TarContent({ hash, maxRegions: limits.sparseRegions, refuse: this.#refuse });
    this.#collector.want(BLOCK);
  }

  write(chunk: Buffer): boolean {
    if (this.#content.zerosLeft > 0) this.#advance(Number.POSITIVE_INFINITY);
    this.#base += this.#chunk.length;
    this.#chunk = chunk;
    this.#at = 0;
    this.#kept?.startChunk(chunk);
    return this.#advance(HOLE_SLICE);
  }

  resume(): boolean {
    return this.#content.zerosLeft === 0 || this.#advance(HOLE_SLICE);
  }

  get complete(): boolean {
    return this.#endBlocks === 2;
  }

  end(): TarTotals {
    if (this.#content.zerosLeft > 0) this.#advance(Number.POSITIVE_INFINITY);
    const length = this.#base + this.#chunk.length;
    if (!this.complete) this.#refuse(`the archive ends in the middle, after ${length} bytes: it was cut`);
    if (length % BLOCK !== 0) this.#refuse(`the archive has ${length} bytes, not a whole number of blocks`);
    return this.#tally.totals();
  }

  cutOff(): CutOff {
    const path = this.#verdict === 'keep' ? this.#member?.entry.path : undefined;
    return { totals: this.#tally.totals(), path, begun: this.#kept?.cutOff() ?? false };
  }

  /** Reads the chunk to its end, or until this many bytes of holes have been hashed; true: to its end. */
  #advance(holes: number): boolean {
    let left = holes;
    while (this.#content.zerosLeft > 0 || this.#at < this.#chunk.length) {
      if (this.#content.zerosLeft === 0) this.#step();
      else if (left === 0) return false;
      else left -= this.#content.hashZeros(left);
      if (this.#state === 'content') this.#followContent();
    }
    this.#kept?.endChunk();
    return true;
  }

  #step(): void {
    if (this.#state === 'header') this.#readHeader();
    else if (this.#state === 'content') this.#at = this.#content.read(this.#chunk, this.#at);
    else if (this.#state === 'padding') this.#readPadding();
    else if (this.#state === 'meta') this.#readMeta();
    else this.#readEnd();
  }

  #readHeader(): void {
    if (this.#collector.empty && this.#prefix.empty) this.#startMember();
    this.#at = this.#collector.take(this.#chunk, this.#at);
    if (!this.#collector.ready) return;
    const { buffer, start } = this.#collector;
    this.#collector.want(BLOCK);
    if (buffer[start] === 0 && isZero(buffer, start, BLOCK)) this.#startEnd();
    else if (this.#endBlocks > 0) this.#refuse('a single zero block stands before it');
    else this.#takeHeader(parseHeader(buffer, start, this.#refuse));
  }

  #startMember(): void {
    this.#memberOffset = this.#base + this.#at;
    this.#memberName = '';
    if (this.#endBlocks === 0) this.#kept?.startMember(this.#at);
  }

  #takeHeader(header: TarHeader): void {
    if (this.#memberName === '') this.#memberName = header.name;
    if (!'xLK'.includes(header.type)) {
      this.#takeMember(header);
      return;
    }
    this.#collector.want(this.#prefix.start(header));
    this.#state = 'meta';
  }

  #readMeta(): void {
    this.#at = this.#collector.take(this.#chunk, this.#at);
    if (!this.#collector.ready) return;
    this.#prefix.take(this.#collector.buffer, this.#collector.start);
    this.#memberName = this.#prefix.name ?? this.#memberName;
    this.#collector.want(BLOCK);
    this.#state = 'header';
  }

  #takeMember(header: TarHeader): void {
    this.#prefix.check(header);
    const member = assembleMember(header, this.#prefix, this.#refuse);
    this.#memberName = member.entry.path;
    this.#tally.check(member.entry);
    this.#member = member;
    this.#verdict = undefined;
    this.#content.start(member);
    this.#state = 'content';
    this.#followContent();
  }

  /** Decides as soon as all is known that counts, and goes on behind the content. */
  #followContent(): void {
    if (this.#verdict === undefined) this.#decide(this.#member as TarMember);
    if (this.#verdict === undefined || !this.#content.done) return;
    this.#paddingLeft = (BLOCK - ((this.#member as TarMember).stored % BLOCK)) % BLOCK;
    this.#state = 'padding';
    if (this.#paddingLeft === 0) this.#finishMember();
  }

  #decide({ entry, stored }: TarMember): void {
    const { sparseRegions } = this.#content;
    if (sparseRegions === undefined) return;
    this.#verdict = this.#options.onMember?.(entry, { metaBytes: this.#prefix.bytes, sparseRegions }) ?? 'keep';
    this.#prefix.clear();
    if (this.#verdict === 'drop') {
      this.#kept?.drop();
      this.#content.skip();
    } else if (stored > LARGE_BYTES) this.#kept?.handOnLarge();
  }

  #finishMember(): void {
    const { entry } = this.#member as TarMember;
    this.#state = 'header';
    this.#member = undefined;
    if (this.#verdict === 'drop') return;
    this.#kept?.complete(this.#at);
    this.#tally.add(entry);
    const sha256 = this.#content.digest();
    this.#options.onEntry?.(sha256 === undefined ? entry : { ...entry, sha256 });
  }

  #readPadding(): void {
    const length = Math.min(this.#paddingLeft, this.#chunk.length - this.#at);
    if (!isZero(this.#chunk, this.#at, length)) this.#refuse('there are no zeros behind its data');
    this.#at += length;
    this.#paddingLeft -= length;
    if (this.#paddingLeft === 0) this.#finishMember();
  }

  #startEnd(): void {
    if (!this.#prefix.empty) this.#refuse('the archive ends after a header that belongs to a member');
    if (this.#endBlocks === 0) this.#kept?.drop();
    this.#endBlocks += 1;
    if (this.#endBlocks === 2) this.#state = 'end';
  }

  #readEnd(): void {
    const length = this.#chunk.length - this.#at;
    const behind = this.#base + this.#chunk.length - this.#memberOffset;
    if (behind > MAX_PADDING || !isZero(this.#chunk, this.#at, length))
      this.#refuse('there is data behind the end of the archive');
    this.#at += length;
  }

  readonly #refuse = (what: string): never => {
    const name = this.#memberName === '' ? '' : ` (${displayPath(this.#memberName as BytePath)})`;
    throw new BackupError('untrusted', `Cannot accept the archive: at byte ${this.#memberOffset}${name}: ${what}.`);
  };
}
