// SPDX-License-Identifier: AGPL-3.0-or-later

/** Gathers a given number of bytes out of chunks; without a copy where one chunk has them all. */
export class TarCollector {
  /** Once {@link ready}: the bytes are in this buffer, from `start` on. */
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  ready = false;
  #wanted = 0;
  #filled = 0;

  /** Forgets what it has and waits for this many bytes. */
  want(bytes: number): void {
    this.#wanted = bytes;
    this.#filled = 0;
    this.ready = false;
  }

  /** Nothing has been gathered since {@link want}. */
  get empty(): boolean {
    return this.#filled === 0;
  }

  /** Takes what it needs from `at` on; returns the position behind. */
  take(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#wanted - this.#filled, chunk.length - at);
    if (taken === this.#wanted) {
      this.buffer = chunk;
      this.start = at;
    } else {
      if (this.#filled === 0) this.#startCopy();
      chunk.copy(this.buffer, this.#filled, at, at + taken);
    }
    this.#filled += taken;
    this.ready = this.#filled === this.#wanted;
    return at + taken;
  }

  #startCopy(): void {
    this.buffer = Buffer.allocUnsafe(this.#wanted);
    this.start = 0;
  }
}
