// SPDX-License-Identifier: AGPL-3.0-or-later

/** Reversed form of the polynomial 0xad93d23594c935a9 (Jones), which Redis uses. As two halves: BigInt is 50 times slower. */
const POLYNOMIAL = { high: 0x95ac9329, low: 0xac4bc9b5 };

const HIGH = new Uint32Array(256);
const LOW = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte];
  for (let bit = 0; bit < 8; bit++) {
    const odd = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (odd === 1) [high, low] = [(high ^ POLYNOMIAL.high) >>> 0, (low ^ POLYNOMIAL.low) >>> 0];
  }
  HIGH[byte] = high;
  LOW[byte] = low;
}

/** The checksum at the end of an RDB file. */
export class Crc64 {
  #high = 0;
  #low = 0;

  update(bytes: Uint8Array): void {
    let [high, low] = [this.#high, this.#low];
    for (const byte of bytes) {
      const index = (low ^ byte) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[index] ?? 0);
      high = (high >>> 8) ^ (HIGH[index] ?? 0);
    }
    this.#high = high >>> 0;
    this.#low = low >>> 0;
  }

  /** Eight bytes, the lowest first, as they are written. */
  digest(): Buffer {
    const digest = Buffer.alloc(8);
    digest.writeUInt32LE(this.#low, 0);
    digest.writeUInt32LE(this.#high, 4);
    return digest;
  }
}
