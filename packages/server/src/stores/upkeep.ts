// SPDX-License-Identifier: AGPL-3.0-or-later

/** A snapshot and what a retention policy says about it. */
export interface Judged {
  readonly id: string;
  /** By the server's clock, ISO. */
  readonly time: string;
  readonly tags: readonly string[];
  /** Why the policy keeps it, in the store's words: `daily snapshot`, ...; empty: the policy lets it go. */
  readonly reasons: readonly string[];
}

/** What one look at the stored data has found. */
export interface Checked {
  /** Empty when all is well; else what is wrong, in the store's words, a line each. */
  readonly problems: readonly string[];
}

/** How much of the stored data is read back and compared with its checksums. */
export type DataShare =
  /** The structure only: are all parts there, do they fit together? */
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  /** Part `part` of `of` equal ones, counted from 1: after `of` rounds all has been read. */
  | { readonly kind: 'part'; readonly part: number; readonly of: number }
  /** As the store takes it: `10%`, `500M`. Chosen at random, so it never covers everything for certain. */
  | { readonly kind: 'random'; readonly amount: string };

/** Somebody who has locked the repository. */
export interface RepositoryLock {
  readonly id: string;
  /** When it was taken or last refreshed, ISO, by the clock of whoever took it. */
  readonly time: string;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  /** True only where it is proven that it was left by a process of this machine that does not exist any more. */
  readonly isOursAndDead: boolean;
}

/** What a repository occupies, in bytes. */
export interface RepositorySize {
  readonly bytes: number;
}

/**
 * Keeps the history of one host in order. Made for one host: it can neither see nor touch another's.
 * Every verb may be interrupted at any time and called again. All throw BackupError as the verbs of `Store` do.
 */
export interface Upkeep {
  /**
   * What a policy says about every snapshot of the host, oldest first. Changes nothing and takes no lock.
   * @throws BackupError also where not every snapshot is judged exactly once
   */
  judge(policy: readonly string[], signal: AbortSignal): Promise<readonly Judged[]>;
  /**
   * Removes exactly these snapshots, by their whole ids; ids that are gone already, or are those of another host, are
   * left alone. Only what nothing else needs may be freed afterwards, by `prune`.
   * @throws BackupError also when one of them is there still afterwards
   */
  forget(ids: readonly string[], signal: AbortSignal): Promise<void>;
  /** Frees the space that no snapshot needs any more. */
  prune(signal: AbortSignal): Promise<void>;
  /**
   * Is what is stored whole? Damage is an answer, not an error; that the look could not be taken is one.
   * @param options further words of the configuration for the store's own check; where they say how much data is read,
   *   that counts instead of `share`
   */
  check(share: DataShare, options: readonly string[], signal: AbortSignal): Promise<Checked>;
  size(signal: AbortSignal): Promise<RepositorySize>;
  /** Who has locked the repository. Takes no lock itself. */
  locks(signal: AbortSignal): Promise<readonly RepositoryLock[]>;
  /**
   * Removes the locks whose `isOursAndDead` is true, and no other. Locks that must not be touched stay, which is told.
   * @returns those that were removed, and those that stay
   */
  removeDeadLocks(
    signal: AbortSignal,
  ): Promise<{ readonly removed: readonly RepositoryLock[]; readonly left: readonly RepositoryLock[] }>;
}
