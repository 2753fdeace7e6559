// SPDX-License-Identifier: AGPL-3.0-or-later
import { BLOCK, isZero, type Refuse } from './tar-header.ts';

/** A part of a sparse file that has data; all else are holes, which read as zeros. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

/** Collects the map that stands before the data of a sparse file. */
export interface SparseMap {
  /** Takes the next block of the member's data; true when the map was complete with it. */
  push(block: Buffer, at: number): boolean;
  /** Where the data belongs, in order, without empty regions. */
  readonly regions: readonly Region[];
  /** How many there are, empty ones included; known with the first block. */
  readonly count: number;
}

export interface SparseMapOptions {
  /** Size of the file as its reader sees it, in bytes. */
  readonly size: number;
  readonly maxRegions: number;
  readonly refuse: Refuse;
}

const ZERO = 0x30;
const NINE = 0x39;
const NEWLINE = 0x0a;

/**
 * GNU.sparse 1.0: decimal numbers, one per line (their count, then offset and length of each region), padded with
 * zeros to a whole number of blocks. See the manual of GNU tar, "PAX Format, Version 1.0".
 */
export function createSparseMap({ size, maxRegions, refuse }: SparseMapOptions): SparseMap {
  const regions: Region[] = [];
  let expected = -1;
  let offset = -1;
  let seen = 0;
  let filledTo = 0;
  let value = 0;
  let digits = 0;

  const addRegion = (length: number) => {
    const previous = regions.at(-1);
    if (offset < filledTo || offset + length > size) refuse('its sparse map has regions that overlap or lie outside');
    // GNU tar starts each region in a new block, other readers do not: an odd length would let them see other data.
    if (length > 0 && previous !== undefined && previous.length % BLOCK !== 0)
      refuse('its sparse map has an odd length');
    filledTo = offset + length;
    seen += 1;
    if (length > 0) regions.push({ offset, length });
    offset = -1;
  };
  const addNumber = (number: number) => {
    if (expected < 0 && (number === 0 || number > maxRegions)) refuse(`its sparse map has ${number} regions`);
    if (expected < 0) expected = number;
    else if (offset < 0) offset = number;
    else addRegion(number);
  };
  const addByte = (byte: number) => {
    if (byte === NEWLINE && digits > 0) {
      addNumber(value);
      value = 0;
      digits = 0;
      return;
    }
    if (byte < ZERO || byte > NINE || digits > 14) refuse('its sparse map is not a list of numbers');
    value = value * 10 + (byte - ZERO);
    digits += 1;
  };
  const push = (block: Buffer, at: number) => {
    for (let index = at; index < at + BLOCK; index += 1) {
      addByte(block[index] as number);
      if (seen !== expected) continue;
      if (!isZero(block, index + 1, at + BLOCK - index - 1)) refuse('its sparse map is longer than it says');
      return true;
    }
    return false;
  };
  return {
    push,
    regions,
    get count() {
      return Math.max(0, expected);
    },
  };
}
