// SPDX-License-Identifier: AGPL-3.0-or-later

/** One point in a store's history of a host. */
export interface Snapshot {
  readonly id: string;
  /** By the server's clock, ISO. */
  readonly time: string;
  readonly tags: readonly string[];
}

export interface SaveRequest {
  /** The live tree; the same path for every snapshot of a host. */
  readonly directory: string;
  /** `YYYYmmdd_HHMMSS` of the archive, kept as a tag; storing the same stamp twice is harmless. */
  readonly stamp: string;
  /** Reports what would be added and stores nothing. */
  readonly dryRun: boolean;
  /**
   * Reads the content of every file again. Without it a store may take a file for unchanged whose size and mtime are
   * those of the last snapshot, and keep the old content where something changed it and put the mtime back.
   */
  readonly readAll?: boolean;
}

export interface Saved {
  /** The whole id; undefined after a dry run, which makes none. */
  readonly snapshot: string | undefined;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly bytesProcessed: number;
  readonly bytesAdded: number;
  /** Items that could not be read: the snapshot exists but is not whole. Empty when all went well. */
  readonly unreadable: readonly string[];
}

/**
 * Turns the live tree of one host into history, which `History` looks into and restores. Made for one host: it can neither see nor touch another's.
 * Every verb may be interrupted at any time and called again.
 */
export interface Store {
  /**
   * Is the store there, ours and usable? Changes nothing.
   * @throws BackupError that tells apart: not initialised (never created on the way), wrong password, locked, damaged.
   */
  check(signal: AbortSignal): Promise<void>;
  /** Creates it where it is missing; `created: false` where it was there. The only verb that creates. */
  init(signal: AbortSignal): Promise<{ readonly created: boolean; readonly id: string }>;
  /** Oldest first. */
  snapshots(signal: AbortSignal): Promise<readonly Snapshot[]>;
  /**
   * A snapshot exists and has been found again when this resolves. Called again with the same stamp and the same tree
   * it returns the snapshot that is there, with the counts of this call: nothing new, nothing added.
   * @throws BackupError when nothing usable was stored.
   */
  save(request: SaveRequest, signal: AbortSignal): Promise<Saved>;
}
