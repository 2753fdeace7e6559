// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm } from 'node:fs/promises';
import type { Entry } from '@local-backup/common/entry';
import { createEntryListWriter } from '@local-backup/common/entry-list';

/**
 * Makes the entry list of an archive that came without one.
 * @param read reads the archive and hands on its members, in order
 */
export async function recordEntries<Result>(
  file: string,
  read: (onEntries: (entries: readonly Entry[]) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  await rm(file, { force: true });
  const writer = await createEntryListWriter(file);
  try {
    const result = await read(async (entries) => {
      for (const entry of entries) if (!writer.add(entry)) await writer.ready();
    });
    await writer.finish();
    return result;
  } finally {
    await writer.abort();
  }
}
