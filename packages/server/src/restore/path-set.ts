// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomInt } from 'node:crypto';
import type { BytePath } from '@local-backup/common/byte-path';

/**
 * Millions of paths in little memory (16 to 32 bytes each): 53 bits of a hash stand for a path, seeded at random, so that
 * nobody can choose paths that are taken for one another. Two that are by chance: once in 1,800 sets of a million paths.
 */
export class PathSet {
  #slots = new Float64Array(1024);
  #size = 0;
  readonly #seed = randomInt(2 ** 32);

  get size(): number {
    return this.#size;
  }

  add(path: BytePath): void {
    const key = this.#keyOf(path);
    const slot = find(this.#slots, key);
    if (this.#slots[slot] === key) return;
    this.#slots[slot] = key;
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#grow();
  }

  has(path: BytePath): boolean {
    const key = this.#keyOf(path);
    return this.#slots[find(this.#slots, key)] === key;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2);
    for (const key of this.#slots) if (key !== 0) larger[find(larger, key)] = key;
    this.#slots = larger;
  }

  /** cyrb53; never 0, which marks a free slot. */
  #keyOf(path: BytePath): number {
    let high = 0xdeadbeef ^ this.#seed;
    let low = 0x41c6ce57 ^ this.#seed;
    for (let at = 0; at < path.length; at += 1) {
      const byte = path.charCodeAt(at);
      high = Math.imul(high ^ byte, 2654435761);
      low = Math.imul(low ^ byte, 1597334677);
    }
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return 4294967296 * (2097151 & low) + (high >>> 0) || 1;
  }
}

/** The slot that holds the key, or the free one where it belongs; at least half of them are free. */
function find(slots: Float64Array, key: number): number {
  const mask = slots.length - 1;
  let slot = key % slots.length;
  while (slots[slot] !== 0 && slots[slot] !== key) slot = (slot + 1) & mask;
  return slot;
}
