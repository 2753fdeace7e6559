// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';

/**
 * Loads dumps one after the other. One that fails is tried again once others have been loaded, as long as that helps: a
 * view may look into another database.
 * @returns those that could not be loaded, with their errors
 */
export async function loadAll<Dump>(
  dumps: readonly Dump[],
  load: (dump: Dump) => Promise<void>,
): Promise<readonly { readonly dump: Dump; readonly error: BackupError }[]> {
  let waiting = dumps;
  for (;;) {
    const failed = await loadOnce(waiting, load);
    if (failed.length === 0 || failed.length === waiting.length) return failed;
    waiting = failed.map(({ dump }) => dump);
  }
}

async function loadOnce<Dump>(dumps: readonly Dump[], load: (dump: Dump) => Promise<void>) {
  const failed: { dump: Dump; error: BackupError }[] = [];
  for (const dump of dumps) {
    try {
      await load(dump);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      failed.push({ dump, error });
    }
  }
  return failed;
}
