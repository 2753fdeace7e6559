// SPDX-License-Identifier: AGPL-3.0-or-later

/** What an item of a snapshot is. */
export type ItemType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block' | 'socket';

/** A file, directory or link in a snapshot. */
export interface Item {
  /**
   * Relative to the tree, without a leading `/`. Bytes of a name that are not UTF-8 have become U+FFFD: such a path is
   * good for showing, and not for finding the item again.
   */
  readonly path: string;
  readonly type: ItemType;
  /** Permission bits with set-uid, set-gid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  /** As the store tells it: RFC 3339, to the nanosecond. */
  readonly mtime: string;
}

/** What a search has found in one snapshot. */
export interface Found {
  /** The whole id. */
  readonly snapshot: string;
  readonly items: readonly Item[];
}

/** One difference between two snapshots. */
export interface Change {
  readonly path: string;
  /** `type`: a file has become a directory, or the like. */
  readonly kind: 'added' | 'removed' | 'changed' | 'type';
}

/** How much data the one snapshot needs and the other does not, in bytes before compression. */
export interface DiffBytes {
  readonly added: number;
  readonly removed: number;
}

export interface RestoreRequest {
  readonly snapshot: string;
  /** A directory that exists. What is in there already is overwritten where the snapshot has the same path. */
  readonly target: string;
  /** Globs relative to the tree (see glob.ts), with all that lies below what they match; empty: the whole snapshot. */
  readonly include: readonly string[];
  /** The store reads every restored file again and compares it with what it has. */
  readonly verify: boolean;
}

/**
 * Looks into the snapshots of one host and takes things out of them; changes nothing in the store. Snapshots are named by
 * their whole ids, out of the host's own list. Every verb may be interrupted at any time. All throw BackupError as the
 * verbs of `Store` do.
 */
export interface History {
  /**
   * Hands over what a path of a snapshot is, and what lies in it where it is a directory: directly, or at any depth. The
   * whole tree is `''`, for which nothing stands itself. Nothing is handed over where the snapshot has no such path.
   */
  list(
    where: { readonly snapshot: string; readonly path: string; readonly recursive: boolean },
    onItem: (item: Item) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Everything that matches a glob, in all snapshots of the host: a name, or with `/` the end of a path. */
  find(glob: string, signal: AbortSignal): Promise<readonly Found[]>;
  diff(
    snapshots: { readonly older: string; readonly newer: string },
    onChange: (change: Change) => void,
    signal: AbortSignal,
  ): Promise<DiffBytes>;
  /** Writes the content of a file, or a directory as tar, to a file descriptor. */
  dump(
    what: { readonly snapshot: string; readonly path: string },
    descriptor: number,
    signal: AbortSignal,
  ): Promise<void>;
  /** Shows all snapshots of the host in a directory until it is unmounted or the signal comes. */
  mount(directory: string, onReady: () => void, signal: AbortSignal): Promise<void>;
  /**
   * @throws BackupError also when an item could not be restored; what was restored until then stays in the target. That
   *   something matched `include` is not looked at.
   */
  restore(request: RestoreRequest, signal: AbortSignal): Promise<void>;
}
