// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { createTally } from './tally.ts';

it('counts exactly as long as there is room', () => {
  const tally = createTally(3);
  for (const word of ['a', 'b', 'a', 'c', 'a', 'b']) tally.add(word);
  expect(tally.top(2)).toEqual([
    ['a', 3],
    ['b', 2],
  ]);
  expect(tally.count('d')).toBe(0);
});

it('still finds the frequent word among any number of others that try to hide it', () => {
  const tally = createTally(100);
  for (let index = 0; index < 20_000; index += 1) {
    tally.add(`junk${index}`);
    // Not among the first, which find room without anybody leaving.
    if (index >= 400 && index % 4 === 0) tally.add('locked');
  }
  expect(tally.top(1)[0]?.[0]).toBe('locked');
  expect(tally.count('locked')).toBeGreaterThan(4_900 - 25_000 / 100);
  expect(tally.count('locked')).toBeLessThanOrEqual(4_900);
  expect(tally.top(1_000).length).toBeLessThanOrEqual(100);
});
