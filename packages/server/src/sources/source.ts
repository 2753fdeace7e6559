// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manifest } from '@local-backup/common/manifest';
import type { Trail } from '../report/trail.ts';
import type { Snapshot } from '../stores/store.ts';

/** Newest state that a host offers, or why there is nothing to do. */
export type Offer =
  | {
      readonly kind: 'new';
      /** `YYYYmmdd_HHMMSS`: becomes the snapshot's tag. */
      readonly stamp: string;
      /** For the report: `web1-20261121_030000.tar.gz`. */
      readonly label: string;
      readonly bytes?: number;
      readonly manifest?: Manifest;
      readonly why: string;
    }
  | { readonly kind: 'skip'; readonly code: SkipCode; readonly why: string };

export type SkipCode = 'SKIPPED_CLIENT_LOCK' | 'SKIPPED_DUPLICATE' | 'SKIPPED_OLDER';

/** How a host's data reaches its live tree. One session per host and run. */
export interface Source {
  /**
   * Looks at the host and decides; changes nothing there.
   * @param stored snapshots of the host, oldest first
   * @throws BackupError when the host cannot be reached or has nothing to offer
   */
  offer(stored: readonly Snapshot[], trail: Trail): Promise<Offer>;
  /**
   * Makes the live tree hold exactly what was offered, checked; resolves with what was odd though it could be done.
   * Interrupted at any point it can be called again.
   */
  bring(offer: Offer & { kind: 'new' }, trail: Trail): Promise<readonly string[]>;
  /**
   * May the content of a file have changed behind the same size and mtime since the newest snapshot? Known after
   * `bring`; true where it cannot be told. A store that believes size and mtime has to read everything then.
   */
  hasUnseenChanges(): boolean;
  /** Called when the snapshot exists: the host may let go of its copy. Resolves with what was odd. */
  confirm(offer: Offer & { kind: 'new' }): Promise<readonly string[]>;
  /** Never throws. */
  close(): Promise<void>;
}
