// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Does `work` for every item, at most `limit` at a time, started in order. The results are in the order of the items.
 * `work` is expected not to throw: when it does, no more items are started and the error comes out of here.
 */
export async function mapParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker));
  return results;
}
