// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { mapParallel } from './parallel.ts';

/** Works on items one tick at a time and remembers how many were under way at once. */
async function measure(items: readonly number[], limit: number) {
  let running = 0;
  let most = 0;
  const results = await mapParallel(items, limit, async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let tick = 0; tick < 5 - item; tick += 1) await Promise.resolve();
    running -= 1;
    return item * 10;
  });
  return { results, most };
}

test.each([
  [1, 1],
  [2, 2],
  [9, 4],
  [0, 1],
])('limit %i has at most %i under way, results in order', async (limit, most) => {
  expect(await measure([1, 2, 3, 4], limit)).toEqual({ results: [10, 20, 30, 40], most });
});

test('no items give no results', async () => {
  expect(await measure([], 3)).toEqual({ results: [], most: 0 });
});
