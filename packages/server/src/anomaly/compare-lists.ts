// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { type BytePath, bytesOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { endingKind, endingOf, isPacked, withoutEnding } from './endings.ts';
import { createNumberTable, type NumberTable } from './number-table.ts';
import { createSample } from './sample.ts';
import { createTally, type Tally } from './tally.ts';

type EntryBatches = AsyncIterable<readonly Entry[]>;

export interface CompareOptions {
  /** Secret random bytes: nobody can make paths or contents that look like one, or fill the same slots. */
  readonly key: Uint8Array;
  readonly signal: AbortSignal;
  /** Lists with more files than this are counted and not compared. */
  readonly mostFiles?: number;
}

/** Files and the bytes in them, as a reader sees them. */
export interface ListTotals {
  readonly files: number;
  readonly bytes: number;
}

/** How a list of files differs from the one before. Files that were moved or renamed, content unchanged, are no change. */
export interface ListChange {
  readonly before: ListTotals;
  /** The path was there before, its content nowhere. */
  readonly changed: number;
  /** Neither the path nor the content is there any more. */
  readonly gone: number;
  /** The path is not there any more, whatever became of the content. */
  readonly missing: number;
  /** Bytes of files whose content was nowhere before. */
  readonly freshBytes: number;
  /** Endings of new paths, the most frequent first; digits are `#`. */
  readonly endings: readonly NewEnding[];
  /** Changed files of kinds that can be compressed, chosen by chance. */
  readonly sample: readonly BytePath[];
  /** How many files `sample` stands for. */
  readonly sampledFrom: number;
}

export interface NewEnding {
  readonly ending: string;
  /** New paths with it. */
  readonly gained: number;
  /** Files that had it before. */
  readonly before: number;
}

export interface ComparedLists {
  readonly now: ListTotals;
  /** Undefined where there is nothing to compare with, or too much. */
  readonly change: ListChange | undefined;
}

/** Four million files take about 200 MB of tables; a million about 50. */
const MOST_FILES = 4_000_000;

/** Endings that are counted exactly; see {@link createTally}. */
const MOST_ENDINGS = 4_096;
const ENDINGS_SHOWN = 5;

/** Smaller files say little about how well they compress. */
const SAMPLED_FROM_BYTES = 1_024;
const SAMPLE_SIZE = 256;

/**
 * Reads two entry lists, one after the other, and tells what became of the files. In bounded memory, two numbers for
 * each file of the first; the second may be of any length.
 * @param before undefined: there is no list to compare with
 */
export async function compareLists(
  before: EntryBatches | undefined,
  now: EntryBatches,
  options: CompareOptions,
): Promise<ComparedLists> {
  const memory = before === undefined ? undefined : await remember(before, options);
  const scan = memory === undefined ? undefined : createScan(memory, options.key);
  let files = 0;
  let bytes = 0;
  for await (const batch of now) {
    options.signal.throwIfAborted();
    for (const entry of batch) {
      if (entry.sha256 === undefined) continue;
      files += 1;
      bytes += entry.size;
      scan?.take(entry);
    }
  }
  return { now: { files, bytes }, change: scan?.result() };
}

/** The list before: its paths with their contents, and the contents. */
interface Memory {
  readonly totals: ListTotals;
  readonly paths: NumberTable;
  readonly contents: NumberTable;
  readonly endings: Tally;
}

async function remember(list: EntryBatches, options: CompareOptions): Promise<Memory | undefined> {
  const { key, signal, mostFiles = MOST_FILES } = options;
  const paths = createNumberTable(true);
  const contents = createNumberTable(false);
  const endings = createTally(MOST_ENDINGS);
  let files = 0;
  let bytes = 0;
  for await (const batch of list) {
    signal.throwIfAborted();
    for (const entry of batch) {
      if (entry.sha256 === undefined) continue;
      const content = contentOf(entry, key);
      paths.put(hashOf(entry.path, key), content);
      contents.put(content);
      endings.add(endingKind(endingOf(entry.path)));
      files += 1;
      bytes += entry.size;
    }
    if (files > mostFiles) return undefined;
  }
  return { totals: { files, bytes }, paths, contents, endings };
}

function createScan({ totals, paths, contents, endings }: Memory, key: Uint8Array) {
  const arrived = createTally(MOST_ENDINGS);
  const sample = createSample(SAMPLE_SIZE);
  let changed = 0;
  let freshBytes = 0;

  /** A content that was there before. In place of another one only once: else a file could be written over all others. */
  const isKnown = ({ size }: Entry, content: number, isNewPath: boolean): boolean => {
    const slot = contents.slotOf(content);
    if (slot === undefined) return false;
    const isFirst = !contents.isMarked(slot);
    contents.mark(slot);
    return isNewPath || (isFirst && size > 0);
  };
  /** `a.txt` for `a.txt.locked` where that has taken its place. */
  const replacedBy = (path: BytePath): BytePath | undefined => {
    const original = withoutEnding(path);
    const slot = original === undefined ? undefined : paths.slotOf(hashOf(original, key));
    return slot === undefined || paths.isMarked(slot) ? undefined : original;
  };
  const offer = ({ path, size }: Entry, original: BytePath | undefined) => {
    if (original === undefined || size < SAMPLED_FROM_BYTES) return;
    if (!isPacked(endingOf(path)) && !isPacked(endingOf(original))) sample.offer(path);
  };
  return {
    take(entry: Entry): void {
      const content = contentOf(entry, key);
      const slot = paths.slotOf(hashOf(entry.path, key));
      if (slot === undefined) arrived.add(endingKind(endingOf(entry.path)));
      else paths.mark(slot);
      const isSame = slot !== undefined && paths.valueAt(slot) === content;
      if (isKnown(entry, content, slot === undefined) || isSame) return;
      freshBytes += entry.size;
      if (slot !== undefined) changed += 1;
      offer(entry, slot === undefined ? replacedBy(entry.path) : entry.path);
    },
    result(): ListChange {
      let gone = 0;
      let missing = 0;
      paths.forEachUnmarked((content) => {
        missing += 1;
        const slot = contents.slotOf(content);
        if (slot === undefined || !contents.isMarked(slot)) gone += 1;
      });
      const newEndings = arrived.top(ENDINGS_SHOWN).filter(([ending]) => ending !== '');
      return {
        before: totals,
        ...{ changed, gone, missing, freshBytes },
        endings: newEndings.map(([ending, gained]) => ({ ending, gained, before: endings.count(ending) })),
        sample: sample.taken,
        sampledFrom: sample.offered(),
      };
    },
  };
}

function hashOf(path: BytePath, key: Uint8Array): number {
  return createHash('sha256').update(key).update(bytesOf(path)).digest().readUIntBE(0, 6);
}

function contentOf({ sha256 = '' }: Entry, key: Uint8Array): number {
  return createHash('sha256').update(key).update(sha256).digest().readUIntBE(0, 6);
}
