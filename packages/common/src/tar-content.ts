// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, type Hash } from 'node:crypto';
import { TarCollector } from './tar-collector.ts';
import { BLOCK, type Refuse } from './tar-header.ts';
import type { TarMember } from './tar-member.ts';
import { createSparseMap, type SparseMap } from './tar-sparse.ts';

const ZEROS = Buffer.alloc(1024 * 1024);

export interface TarContentOptions {
  /** Whether hashes are made. */
  readonly hash: boolean;
  readonly maxRegions: number;
  readonly refuse: Refuse;
}

/** The data of one member after the other, hashed as a reader of the file would see it: holes are zeros. */
export class TarContent {
  /** Bytes of holes that have to be hashed before the data goes on. */
  zerosLeft = 0;
  /** Data and holes of the member have passed. */
  done = true;
  readonly #options: TarContentOptions;
  readonly #block = new TarCollector();
  #member: TarMember | undefined;
  #hash: Hash | undefined;
  #map: SparseMap | undefined;
  #mapBytes = 0;
  #nextRegion = 0;
  #dataLeft = 0;
  /** Bytes of the file up to the data that is being read, and that data. */
  #position = 0;

  constructor(options: TarContentOptions) {
    this.#options = options;
  }

  /** A member begins whose header has been read. */
  start(member: TarMember): void {
    const isFile = member.entry.type === 'file';
    this.#member = member;
    this.#hash = isFile && this.#options.hash ? createHash('sha256') : undefined;
    this.#map = undefined;
    this.#mapBytes = 0;
    this.#position = 0;
    this.zerosLeft = 0;
    this.done = !isFile || (member.stored === 0 && !member.sparse);
    this.#dataLeft = member.stored;
    if (member.sparse) this.#startMap(member);
  }

  /** Parts with data of a sparse file, 0 of all others; undefined while that has not been read. */
  get sparseRegions(): number | undefined {
    if (this.#map === undefined) return 0;
    return this.#mapBytes === 0 ? undefined : this.#map.count;
  }

  /** The member is dropped: called when {@link sparseRegions} is known, before anything else of the data is read. */
  skip(): void {
    const left = (this.#member?.stored ?? 0) - this.#mapBytes;
    this.#hash = undefined;
    this.#map = undefined;
    this.zerosLeft = 0;
    this.#dataLeft = left;
    this.done = left === 0;
  }

  /** Takes data from `at` on, never called while zeros are left; returns the position behind. */
  read(chunk: Buffer, at: number): number {
    if (this.#map !== undefined && this.#nextRegion < 0) return this.#readMap(this.#map, chunk, at);
    const end = Math.min(at + this.#dataLeft, chunk.length);
    this.#hash?.update(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    this.#dataLeft -= end - at;
    if (this.#dataLeft === 0) this.#advance();
    return end;
  }

  /** Hashes at most this many bytes of holes; returns how many it did. */
  hashZeros(atMost: number): number {
    const count = Math.min(this.zerosLeft, atMost);
    for (let left = count; left > 0; left -= ZEROS.length) {
      this.#hash?.update(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left));
    }
    this.zerosLeft -= count;
    if (this.zerosLeft === 0 && this.#dataLeft === 0) this.#advance();
    return count;
  }

  /** The hash of the member's content, once done; undefined for all but files, or where none are made. */
  digest(): string | undefined {
    return this.#hash?.digest('hex');
  }

  #startMap({ entry }: TarMember): void {
    const { maxRegions, refuse } = this.#options;
    this.#map = createSparseMap({ size: entry.size, maxRegions, refuse });
    this.#nextRegion = -1;
    this.#block.want(BLOCK);
  }

  #readMap(map: SparseMap, chunk: Buffer, at: number): number {
    const { refuse } = this.#options;
    const end = this.#block.take(chunk, at);
    if (!this.#block.ready) return end;
    this.#mapBytes += BLOCK;
    const stored = this.#member?.stored ?? 0;
    if (this.#mapBytes > stored) refuse('its sparse map is longer than its data');
    const complete = map.push(this.#block.buffer, this.#block.start);
    this.#block.want(BLOCK);
    if (!complete) return end;
    const inRegions = map.regions.reduce((sum, region) => sum + region.length, 0);
    if (this.#mapBytes + inRegions !== stored) refuse('its sparse map and the size of its data contradict each other');
    this.#nextRegion = 0;
    this.#advance();
    return end;
  }

  /** Goes to the next region of a sparse file, over the hole before it. */
  #advance(): void {
    const region = this.#map?.regions[this.#nextRegion];
    const size = this.#map === undefined ? this.#position : (this.#member?.entry.size ?? 0);
    const start = region?.offset ?? size;
    this.#nextRegion += 1;
    this.zerosLeft = this.#hash === undefined || this.#map === undefined ? 0 : start - this.#position;
    this.#dataLeft = region?.length ?? 0;
    this.#position = start + this.#dataLeft;
    this.done = region === undefined && this.zerosLeft === 0;
  }
}
