// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { bytesOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';

type EntryBatches = AsyncIterable<readonly Entry[]>;

/**
 * Is there a file whose content changed while its path, size and mtime stayed the same? Stores believe size and mtime,
 * so such a file would go into the snapshot as it was: data bases that write through memory maps do this, and so does
 * somebody who wants to. Stops reading at the first one.
 *
 * Holds two numbers of 48 bits for each file of `before` instead of names. The key makes them unguessable: nobody can
 * make two files look like one.
 *
 * @param key secret random bytes
 */
export async function hasUnseenChange(before: EntryBatches, now: EntryBatches, key: Uint8Array): Promise<boolean> {
  const contents = new Map<number, number>();
  for await (const batch of before) {
    for (const entry of batch.filter(isFile)) contents.set(looksOf(entry, key), contentOf(entry));
  }
  const isUnseen = (entry: Entry) => (contents.get(looksOf(entry, key)) ?? contentOf(entry)) !== contentOf(entry);
  for await (const batch of now) if (batch.filter(isFile).some(isUnseen)) return true;
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
