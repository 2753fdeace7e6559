// SPDX-License-Identifier: AGPL-3.0-or-later

/** Counts words of which there may be any number, in bounded memory. */
export interface Tally {
  add(word: string): void;
  /** How often a word came: exact up to `mostWords` different words, else too low by at most one in `mostWords` of all. */
  count(word: string): number;
  /** The words that came most often, most frequent first. */
  top(count: number): readonly (readonly [word: string, count: number])[];
}

/**
 * Counts by the rule of Misra and Gries: when there is no room for a new word, all counts go down by one and those at
 * zero leave. So a list of millions of different endings needs no memory, and cannot hide one that is frequent.
 */
export function createTally(mostWords: number): Tally {
  const counts = new Map<string, number>();
  const makeRoom = () => {
    for (const [word, count] of counts) {
      if (count === 1) counts.delete(word);
      else counts.set(word, count - 1);
    }
  };
  return {
    add(word) {
      const count = counts.get(word);
      if (count !== undefined) counts.set(word, count + 1);
      else if (counts.size < mostWords) counts.set(word, 1);
      else makeRoom();
    },
    count: (word) => counts.get(word) ?? 0,
    top: (count) => [...counts].sort(([, a], [, b]) => b - a).slice(0, count),
  };
}
