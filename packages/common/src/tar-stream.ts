// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from './byte-path.ts';
import type { Entry } from './entry.ts';
import { BackupError } from './errors.ts';
import { TarCollector } from './tar-collector.ts';
import { TarContent } from './tar-content.ts';
import { BLOCK, isZero, parseHeader, type TarHeader } from './tar-header.ts';
import { createKeptBytes, type KeptBytes } from './tar-kept.ts';
import { assembleMember, type TarMember } from './tar-member.ts';
import { TarPrefix } from './tar-prefix.ts';
import { TarTally } from './tar-tally.ts';

/** Bounds on what is read; beyond them an archive is refused. */
export interface TarLimits {
  readonly entries: number;
  /** Sum of the sizes of all files, holes included, checked before anything of a file is hashed. */
  readonly bytes: number;
  /** Length of a path or link target. */
  readonly pathBytes: number;
  /** Components of a path. */
  readonly depth: number;
  /** Size of a PAX header or GNU long name. */
  readonly metaBytes: number;
  /** Parts with data of one sparse file. */
  readonly sparseRegions: number;
}

/** Sums over the members of an archive: the same as in the manifest. */
export interface TarTotals {
  readonly files: number;
  readonly entries: number;
  /** Of files, as their readers see them. */
  readonly bytes: number;
}

export interface TarReaderOptions {
  readonly limits: TarLimits;
  /**
   * Called when a member's headers have been read, its content has not; the entry has no hash yet. `drop` leaves its
   * bytes out of `onRaw`, it out of the totals and `onEntry` uncalled.
   * @param metaBytes size of its PAX header or long names
   */
  readonly onMember?: (entry: Entry, metaBytes: number) => 'keep' | 'drop' | undefined;
  /** Called when a member's content has passed; files have their hash. */
  readonly onEntry?: (entry: Entry) => void;
  /**
   * Gets the bytes of all members that are kept, without the end of the archive, so that archives can be put one
   * after the other. The slices belong to the chunks that were written.
   */
  readonly onRaw?: (bytes: Buffer) => void;
  /** False: no hashes are made. Default true. */
  readonly hash?: boolean;
}

export interface TarReader {
  /**
   * Reads on. False where a large hole of a sparse file is left to be hashed: call {@link resume} until it is true, in
   * turns of its own so that everything else goes on. Writing again instead does the rest at once.
   * @throws BackupError `untrusted`: this is not an archive as GNU tar writes it, or goes beyond the limits
   */
  write(chunk: Buffer): boolean;
  resume(): boolean;
  /** The end of the archive has been read. */
  readonly complete: boolean;
  /** @throws BackupError `untrusted`: the archive is not at its end */
  end(): TarTotals;
}

/** Bytes of holes that are hashed in one turn: some 40 ms. */
const HOLE_SLICE = 64 * 1024 * 1024;

/** GNU tar fills the last record, 10 KiB unless told otherwise, with zeros. */
const MAX_PADDING = 1024 * 1024;

/**
 * Reads archives as GNU tar writes them in posix and gnu format, and refuses everything else: what this reader
 * accepts, GNU tar sees in the same way. Bytes in, entries out, nothing asynchronous: call {@link TarReader.write}
 * with chunks of any size. It never touches a file.
 */
export function createTarReader(options: TarReaderOptions): TarReader {
  return new StrictReader(options);
}

/** Writes a whole stream of chunks into a reader, in turns. */
export async function feedTar(reader: TarReader, chunks: AsyncIterable<Buffer>): Promise<TarTotals> {
  for await (const chunk of chunks) if (!reader.write(chunk)) await hashHoles(reader);
  return reader.end();
}

/** Brings a reader whose `write` returned false to where it is ready for the next chunk. */
export async function hashHoles(reader: TarReader): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (!reader.resume());
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
  #memberKept = true;
  #member: TarMember | undefined;
  #paddingLeft = 0;
  #endBlocks = 0;

  constructor(options: TarReaderOptions) {
    this.#options = options;
    this.#kept = options.onRaw && createKeptBytes(options.onRaw);
    const { hash = true, limits } = options;
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

  /** Reads the chunk to its end, or until this many bytes of holes have been hashed; true: to its end. */
  #advance(holes: number): boolean {
    let left = holes;
    while (this.#content.zerosLeft > 0 || this.#at < this.#chunk.length) {
      if (this.#content.zerosLeft === 0) this.#step();
      else if (left === 0) return false;
      else left -= this.#content.hashZeros(left);
      if (this.#state === 'content' && this.#content.done) this.#finishMember();
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
    this.#memberKept = this.#options.onMember?.(member.entry, this.#prefix.bytes) !== 'drop';
    if (this.#memberKept) this.#kept?.keep();
    else this.#kept?.drop();
    this.#member = member;
    this.#prefix.clear();
    this.#content.start(member);
    this.#state = 'content';
    if (this.#content.done) this.#finishMember();
  }

  #finishMember(): void {
    const member = this.#member as TarMember;
    const padding = (BLOCK - (member.stored % BLOCK)) % BLOCK;
    this.#paddingLeft = padding;
    this.#state = padding === 0 ? 'header' : 'padding';
    const sha256 = this.#content.digest();
    if (!this.#memberKept) return;
    this.#tally.add(member.entry);
    this.#options.onEntry?.(sha256 === undefined ? member.entry : { ...member.entry, sha256 });
  }

  #readPadding(): void {
    const length = Math.min(this.#paddingLeft, this.#chunk.length - this.#at);
    if (!isZero(this.#chunk, this.#at, length)) this.#refuse('there are no zeros behind its data');
    this.#at += length;
    this.#paddingLeft -= length;
    if (this.#paddingLeft === 0) this.#state = 'header';
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
