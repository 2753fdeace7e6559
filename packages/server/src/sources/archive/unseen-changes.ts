// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { bytesOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';

type EntryBatches = AsyncIterable<readonly Entry[]>;

export interface CompareOptions {
  /** Secret random bytes. */
  readonly key: Uint8Array;
  readonly signal: AbortSignal;
  /** Lists with more files than this are not compared. */
  readonly mostFiles?: number;
}

/** What files were like: hashes of path, size and mtime, and of the content. */
export type FileContents = ReadonlyMap<number, number>;

/** A Map takes 2^24 keys at most; this many files of 40 bytes each are as much memory as the comparison is worth. */
const MOST_FILES = 8_000_000;

/**
 * Remembers what the files of a list are like, in two numbers of 48 bits for each instead of names. The key makes them
 * unguessable: nobody can make two files look like one.
 *
 * @returns undefined for more files than can be remembered
 */
export async function contentsOf(
  list: EntryBatches,
  { key, signal, mostFiles = MOST_FILES }: CompareOptions,
): Promise<FileContents | undefined> {
  const contents = new Map<number, number>();
  for await (const batch of list) {
    signal.throwIfAborted();
    for (const entry of batch.filter(isFile)) contents.set(looksOf(entry, key), contentOf(entry));
    if (contents.size > mostFiles) return undefined;
  }
  return contents;
}

/**
 * Is there a file whose content changed while its path, size and mtime stayed the same? Stores believe size and mtime,
 * so such a file would go into the snapshot as it was: data bases that write through memory maps do this, and so does
 * somebody who wants to. Stops reading at the first one.
 */
export async function hasUnseenChange(
  before: FileContents,
  now: EntryBatches,
  { key, signal }: CompareOptions,
): Promise<boolean> {
  const isUnseen = (entry: Entry) => (before.get(looksOf(entry, key)) ?? contentOf(entry)) !== contentOf(entry);
  for await (const batch of now) {
    signal.throwIfAborted();
    if (batch.filter(isFile).some(isUnseen)) return true;
  }
  return false;
}

function isFile({ sha256 }: Entry): boolean {
  return sha256 !== undefined;
}

function looksOf({ path, size, mtimeNs }: Entry, key: Uint8Array): number {
  const hash = createHash('sha256').update(key).update(`${size} ${mtimeNs} `).update(bytesOf(path));
  return hash.digest().readUIntBE(0, 6);
}

function contentOf({ sha256 = '' }: Entry): number {
  return Number.parseInt(sha256.slice(0, 12), 16);
}
