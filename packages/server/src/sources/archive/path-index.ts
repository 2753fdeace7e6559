// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { type BytePath, bytesOf } from '@local-backup/common/byte-path';
import { ENTRY_TYPES, type EntryType } from '@local-backup/common/entry';

/** Remembers which paths an archive has had, and as what. */
export interface PathIndex {
  readonly kindOf: (path: BytePath) => EntryType | undefined;
  /** A path may be added once. */
  readonly add: (path: BytePath, kind: EntryType) => void;
}

const SLOTS_AT_FIRST = 1024;

/** A path is asked for several times in a row, and its parent again and again. */
const RECENT_PATHS = 64;

/** Fuller than this and looking up gets slow. */
const MAX_FILL = 0.6;

/**
 * A hash table of 64 bits per path instead of the paths themselves: 9 to 30 bytes for each, so that a million paths of
 * 4096 bytes need no more memory than a million short ones. The hash is keyed, so an archive cannot be made to
 * collide; by chance two of a million paths do so once in 37 million archives, and then the archive is refused.
 *
 * @param key secret random bytes
 */
export function createPathIndex(key: Uint8Array): PathIndex {
  let table = createTable(SLOTS_AT_FIRST);
  let count = 0;
  const recent = new Map<BytePath, Hash>();
  const hashOf = (path: BytePath): Hash => {
    const known = recent.get(path);
    if (known !== undefined) return known;
    const digest = createHash('sha256').update(key).update(bytesOf(path)).digest();
    const hash = { high: digest.readUInt32LE(0), low: digest.readUInt32LE(4) };
    if (recent.size === RECENT_PATHS) recent.clear();
    recent.set(path, hash);
    return hash;
  };
  return {
    kindOf: (path) => {
      const kind = table.kinds[findSlot(table, hashOf(path))] ?? EMPTY;
      return kind === EMPTY ? undefined : ENTRY_TYPES[kind - 1];
    },
    add: (path, kind) => {
      if (count >= table.kinds.length * MAX_FILL) table = grow(table);
      put(table, hashOf(path), ENTRY_TYPES.indexOf(kind) + 1);
      count += 1;
    },
  };
}

interface Hash {
  readonly high: number;
  readonly low: number;
}

interface Table {
  /** Two words for each slot. */
  readonly hashes: Uint32Array;
  /** Index in ENTRY_TYPES plus one, or EMPTY. */
  readonly kinds: Uint8Array;
}

const EMPTY = 0;

/** @param slots a power of two */
function createTable(slots: number): Table {
  return { hashes: new Uint32Array(2 * slots), kinds: new Uint8Array(slots) };
}

function grow(old: Table): Table {
  const table = createTable(2 * old.kinds.length);
  old.kinds.forEach((kind, slot) => {
    if (kind !== EMPTY) put(table, hashAt(old, slot), kind);
  });
  return table;
}

function put(table: Table, hash: Hash, kind: number): void {
  const slot = findSlot(table, hash);
  table.hashes.set([hash.high, hash.low], 2 * slot);
  table.kinds[slot] = kind;
}

/** The slot that holds the hash, else the empty one where it belongs. */
function findSlot(table: Table, { high, low }: Hash): number {
  const mask = table.kinds.length - 1;
  let slot = low & mask;
  while (table.kinds[slot] !== EMPTY) {
    const found = hashAt(table, slot);
    if (found.high === high && found.low === low) return slot;
    slot = (slot + 1) & mask;
  }
  return slot;
}

function hashAt(table: Table, slot: number): Hash {
  return { high: table.hashes[2 * slot] ?? 0, low: table.hashes[2 * slot + 1] ?? 0 };
}
