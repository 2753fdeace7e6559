// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Store } from './store.ts';

export interface Brought {
  /** Snapshots that were not there before. */
  readonly copied: number;
  /** When the newest snapshot that is there now was taken, ISO; undefined: the host has none. */
  readonly newest: string | undefined;
}

/**
 * A further repository of one host, elsewhere, that the snapshots of the first one are copied to. Made for one host: it can
 * neither see nor touch another's. The first repository is only read.
 */
export interface CopyStore {
  /**
   * Is it there, ours and usable, together with the first repository? Changes nothing.
   * @throws BackupError as `check` of a store does; `config` where one process cannot open both
   */
  check(signal: AbortSignal): Promise<void>;
  /** What is there. Its `init` takes over what makes the same data the same in both; nothing is ever saved into it. */
  readonly store: Omit<Store, 'save'>;
  /**
   * Copies what is missing there, the oldest snapshot first, and finds all of it again. May be interrupted at any time and
   * called again: what is there is not copied twice.
   * @throws BackupError as `check` does, `failed` also when something is still missing afterwards
   */
  bring(signal: AbortSignal): Promise<Brought>;
}
