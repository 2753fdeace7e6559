// SPDX-License-Identifier: AGPL-3.0-or-later

/** Mends the damaged repository of one host. Only when somebody asks for it: a repair gives up what cannot be read. */
export interface Repair {
  /**
   * Writes the index anew from what is stored: what is missing is no longer in it, and the next backup stores again what
   * the host still has of it.
   * @param readAllPacks reads everything, for an index that cannot be read at all
   */
  index(readAllPacks: boolean, signal: AbortSignal): Promise<void>;
  /**
   * Writes the snapshots of the host anew that hold something which cannot be read, without that. The new ones have other
   * ids, the same times, and the tag `repaired`.
   * @param how `forget`: the damaged ones go; `dryRun`: nothing is changed
   * @returns what was done, or would be, in the store's words, a line each
   * @throws BackupError `config` where the installed version cannot do that
   */
  snapshots(
    how: { readonly dryRun: boolean; readonly forget: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}
