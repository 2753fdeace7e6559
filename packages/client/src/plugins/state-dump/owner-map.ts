// SPDX-License-Identifier: AGPL-3.0-or-later

/** A range of users or groups: `count` numbers from `inside` on are those from `outside` on (user_namespaces(7)). */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** What /proc/self/uid_map says. Pure. */
export function parseIdMap(text: string): readonly IdRange[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([inside, outside, count]) => {
    return inside === undefined || outside === undefined || count === undefined ? [] : [{ inside, outside, count }];
  });
}

/**
 * A file for GNU tar's `--owner-map` or `--group-map`: what numbers of the host are inside.
 * @param ids numbers of the host
 * @param fallback inside, for those that are not there
 * @returns its text, and the numbers that are not there. Pure
 */
export function ownerMap(
  ids: Iterable<number>,
  ranges: readonly IdRange[],
  fallback: number,
): { readonly text: string; readonly foreign: readonly number[] } {
  const foreign: number[] = [];
  const lines = [...new Set(ids)].map((id) => {
    const range = ranges.find(({ outside, count }) => id >= outside && id < outside + count);
    if (range === undefined) foreign.push(id);
    return `+${id} +${range === undefined ? fallback : range.inside + id - range.outside}\n`;
  });
  return { text: lines.join(''), foreign };
}
