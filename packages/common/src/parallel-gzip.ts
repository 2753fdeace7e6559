// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzip } from 'node:zlib';

export interface ParallelGzipOptions {
  /** 0 (store) to 9; 1 or 2 is as fast as most disks, 6 saves 6 % more and takes three times as long. */
  readonly level: number;
  /** Blocks that are compressed at the same time, as far as libuv has threads: see thread-pool.ts. */
  readonly concurrency: number;
  /** Gets the compressed blocks in order, one at a time; a promise is waited for. */
  readonly onChunk: (compressed: Buffer) => void | Promise<void>;
}

/** Each becomes a gzip member of its own: large enough to cost no ratio, small enough to keep a few in memory. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * Blocks that are held at the same time, whatever the number of threads: each takes up to twice its size, so 24 MiB, and
 * about as much again until the garbage collector comes. More threads than this would wait for the one that hashes.
 */
const MOST_BLOCKS = 12;

/** What zlib may add to a block that cannot be compressed. */
const GROWTH_BYTES = 4096;

interface Job {
  readonly bytes: Buffer;
  readonly settle: (error: Error | null, compressed: Buffer) => void;
}

/** Bytes in, gzip members out. */
export interface ParallelGzip {
  /**
   * Takes a copy of the bytes. False: enough is waiting, call {@link ready} before going on.
   * @throws what `onChunk` has thrown
   */
  write(bytes: Uint8Array): boolean;
  /** Resolves when there is room for more. */
  ready(): Promise<void>;
  /**
   * Ends the block that is being filled: what is written next begins another gzip member.
   * @returns the number of gzip members up to here
   */
  flush(): number;
  /** Forgets what has been written since the last full block or {@link flush}. */
  discard(): void;
  /** Resolves when everything has been handed on. */
  end(): Promise<void>;
  /** Resolves when nothing is being compressed or handed on any more, whether or not it went well. */
  settle(): Promise<void>;
}

/**
 * Compresses on libuv's threads, several blocks at a time. The result is a sequence of gzip members, which `gzip`,
 * `tar -z` and zlib read as one file (RFC 1952, 2.2).
 */
export function createParallelGzip(options: ParallelGzipOptions): ParallelGzip {
  return new GzipBlocks(options);
}

class GzipBlocks implements ParallelGzip {
  readonly #options: ParallelGzipOptions;
  #block: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  #filled = 0;
  #submitted = 0;
  #failure: { readonly error: unknown } | undefined;
  #running = 0;
  /** Blocks that wait for a thread. */
  readonly #waiting: Job[] = [];
  /** Blocks that have not been handed on yet, oldest first; these promises never reject. */
  readonly #outstanding: Promise<void>[] = [];
  readonly #free: Buffer[] = [];

  constructor(options: ParallelGzipOptions) {
    this.#options = options;
  }

  write(bytes: Uint8Array): boolean {
    this.#throwFailure();
    let at = 0;
    while (at < bytes.length) {
      const taken = Math.min(BLOCK_BYTES - this.#filled, bytes.length - at);
      this.#block.set(taken === bytes.length ? bytes : bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === BLOCK_BYTES) this.#submit();
    }
    return !this.#isFull();
  }

  async ready(): Promise<void> {
    while (this.#isFull()) await this.#outstanding[0];
    this.#throwFailure();
  }

  flush(): number {
    if (this.#filled > 0) this.#submit();
    return this.#submitted;
  }

  discard(): void {
    this.#filled = 0;
  }

  async end(): Promise<void> {
    if (this.#filled > 0 || this.#submitted === 0) this.#submit();
    await this.settle();
    this.#throwFailure();
  }

  async settle(): Promise<void> {
    await Promise.all(this.#outstanding);
  }

  #isFull(): boolean {
    return this.#outstanding.length >= Math.min(2 * this.#options.concurrency, MOST_BLOCKS);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #submit(): void {
    const block = this.#block;
    const compressed = this.#compress(block.subarray(0, this.#filled)).finally(() => this.#free.push(block));
    const handedOn = this.#handOn(compressed, this.#outstanding.at(-1));
    this.#outstanding.push(handedOn);
    void handedOn.then(() => this.#outstanding.shift());
    this.#block = this.#free.pop() ?? Buffer.allocUnsafe(BLOCK_BYTES);
    this.#filled = 0;
    this.#submitted += 1;
  }

  async #handOn(compressed: Promise<Buffer>, before: Promise<void> | undefined): Promise<void> {
    try {
      const [bytes] = await Promise.all([compressed, before]);
      if (this.#failure === undefined) await this.#options.onChunk(bytes);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #compress(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null, compressed: Buffer) =>
        error === null ? resolve(compressed) : reject(error);
      this.#waiting.push({ bytes, settle });
      this.#startWaiting();
    });
  }

  #startWaiting(): void {
    while (this.#running < this.#options.concurrency) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running += 1;
      gzip(job.bytes, { level: this.#options.level, chunkSize: BLOCK_BYTES + GROWTH_BYTES }, (error, compressed) => {
        this.#running -= 1;
        this.#startWaiting();
        job.settle(error, compressed);
      });
    }
  }
}
