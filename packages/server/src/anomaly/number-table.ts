// SPDX-License-Identifier: AGPL-3.0-or-later

/** Remembers numbers, a value for each where that is wanted, and which of them were marked. */
export interface NumberTable {
  readonly size: number;
  /** Before the first mark. A number that is there gets the new value. */
  put(key: number, value?: number): void;
  /** Where a number is; undefined where it is not. Valid until the next `put`. */
  slotOf(key: number): number | undefined;
  valueAt(slot: number): number;
  mark(slot: number): void;
  isMarked(slot: number): boolean;
  /** Calls back with the value of every number that is not marked. */
  forEachUnmarked(visit: (value: number) => void): void;
}

const SLOTS_AT_FIRST = 1024;

/** Fuller than this and looking up gets slow. */
const MAX_FILL = 0.75;

const EMPTY = 0;

/**
 * A hash table of typed arrays: 12 to 34 bytes for each number, where a Map takes two to five times as much. The numbers
 * have to be hashes already, of up to 48 bits, by a key that nobody else knows: their low bits choose the slot.
 *
 * @param hasValues false: only the numbers are remembered
 */
export function createNumberTable(hasValues: boolean): NumberTable {
  let keys = new Float64Array(SLOTS_AT_FIRST);
  let values = new Float64Array(hasValues ? SLOTS_AT_FIRST : 0);
  let marks = new Uint8Array(0);
  let size = 0;
  const grow = () => {
    const old = { keys, values };
    keys = new Float64Array(2 * old.keys.length);
    values = new Float64Array(2 * old.values.length);
    for (let slot = 0; slot < old.keys.length; slot += 1) {
      const key = old.keys[slot] ?? EMPTY;
      if (key === EMPTY) continue;
      const free = findSlot(keys, key);
      keys[free] = key;
      values[free] = old.values[slot] ?? 0;
    }
  };
  return {
    get size() {
      return size;
    },
    put(key, value = 0) {
      if (size >= keys.length * MAX_FILL) grow();
      const slot = findSlot(keys, known(key));
      if (keys[slot] === EMPTY) size += 1;
      keys[slot] = known(key);
      // Where there are no values, the arrays have no such element, and nothing is written.
      values[slot] = value;
    },
    slotOf(key) {
      const slot = findSlot(keys, known(key));
      return keys[slot] === EMPTY ? undefined : slot;
    },
    valueAt: (slot) => values[slot] ?? 0,
    mark(slot) {
      if (marks.length === 0) marks = new Uint8Array(keys.length);
      marks[slot] = 1;
    },
    isMarked: (slot) => marks[slot] === 1,
    forEachUnmarked(visit) {
      for (let slot = 0; slot < keys.length; slot += 1) {
        if (keys[slot] !== EMPTY && marks[slot] !== 1) visit(values[slot] ?? 0);
      }
    },
  };
}

/** The slot that holds the number, else the empty one where it belongs. */
function findSlot(keys: Float64Array, key: number): number {
  const mask = keys.length - 1;
  let slot = key & mask;
  while (keys[slot] !== EMPTY && keys[slot] !== key) slot = (slot + 1) & mask;
  return slot;
}

/** Zero means that nothing is there. */
function known(key: number): number {
  return key === EMPTY ? 1 : key;
}
