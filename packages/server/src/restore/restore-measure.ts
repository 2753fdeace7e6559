// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { ROOT } from '../tree/tree-walk.ts';

/** How much a part of a snapshot is. Sizes in bytes, holes of sparse files counted in full. */
export interface Measured {
  readonly entries: number;
  readonly bytes: number;
  /** What it takes on a disk, as far as can be told: content in whole blocks, and something for each entry. */
  readonly needed: number;
  /** What lies in the first two levels of the whole snapshot (type/service), for messages; not more than a few. */
  readonly top: readonly string[];
}

const BLOCK = 4_096;

/** Of the first levels, so many are told. */
const TOP_TOLD = 30;

/**
 * Sums up the entries that are selected.
 * @param list reads the entry list from its beginning, each time that it is called
 */
export async function measure(
  list: () => AsyncIterable<readonly Entry[]>,
  selects: (path: BytePath) => boolean,
): Promise<Measured> {
  const sums = createSums();
  const top = new Set<string>();
  /** First names, not selected, of what is selected under a second name: its content comes with that. */
  const firsts = new Set<BytePath>();
  const take = (entry: Entry): void => {
    sums.addEntry(entry);
    if (entry.type === 'hardlink' && entry.link !== undefined && !selects(entry.link)) firsts.add(entry.link);
  };
  for await (const entry of entriesOf(list)) {
    if (top.size < TOP_TOLD && entry.path.split('/').length === 2) top.add(displayPath(entry.path));
    if (selects(entry.path)) take(entry);
  }
  if (firsts.size > 0) await addContentOf(firsts, list, sums);
  return { ...sums.counts, top: [...top] };
}

async function addContentOf(
  paths: ReadonlySet<BytePath>,
  list: () => AsyncIterable<readonly Entry[]>,
  sums: ReturnType<typeof createSums>,
): Promise<void> {
  for await (const { path, size } of entriesOf(list)) if (paths.has(path)) sums.addContent(size);
}

function createSums() {
  const counts = { entries: 0, bytes: 0, needed: 0 };
  const addContent = (size: number): void => {
    counts.bytes += size;
    counts.needed += Math.ceil(size / BLOCK) * BLOCK;
  };
  const addEntry = ({ type, size }: Entry): void => {
    counts.entries += 1;
    counts.needed += type === 'directory' ? BLOCK : BLOCK / 8;
    addContent(size);
  };
  return { counts, addContent, addEntry };
}

/** The entries of a list, without that of the tree itself. */
async function* entriesOf(list: () => AsyncIterable<readonly Entry[]>): AsyncGenerator<Entry, void, void> {
  for await (const batch of list()) for (const entry of batch) if (entry.path !== ROOT) yield entry;
}
