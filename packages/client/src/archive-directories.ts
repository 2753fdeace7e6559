// SPDX-License-Identifier: AGPL-3.0-or-later
import { createTarReader } from '@local-backup/common/tar-stream';
import { formatDirectory } from './archive-directory.ts';
import { UNBOUNDED } from './archive-limits.ts';
import type { ArchiveSink } from './archive-sink.ts';

/**
 * The directories of an archive that more than one tree may need: each is stored once. Those that are nowhere on the
 * host wait until something is put into them, because a tree may bring the real one: its root.
 */
export interface ArchiveDirectories {
  /** The archive has it. */
  has(path: string): boolean;
  /** The archive has got it from a tree. */
  add(path: string): void;
  /** The archive needs it, and those above it; see {@link formatDirectory}. */
  want(path: string, mtime: Date): void;
  /** Writes all that wait, but not the one that the member at this path is itself. */
  settle(member?: string): void;
}

export function createArchiveDirectories(sink: ArchiveSink): ArchiveDirectories {
  const present = new Set<string>();
  const waiting = new Map<string, number>();
  return {
    has: (path) => present.has(path),
    add: (path) => void present.add(path),
    want(path, mtime) {
      const names = path.split('/');
      for (const index of names.keys()) {
        const ancestor = names.slice(0, index + 1).join('/');
        if (present.has(ancestor) || waiting.has(ancestor)) continue;
        waiting.set(ancestor, Math.floor(mtime.getTime() / 1000));
      }
    },
    settle(member) {
      for (const [path, mtimeSeconds] of waiting) {
        present.add(path);
        if (path !== member) writeDirectory(formatDirectory({ path, mtimeSeconds }), sink);
      }
      waiting.clear();
    },
  };
}

/** Through the strict reader like everything else, so that there is one way into the archive. */
function writeDirectory(member: Buffer, sink: ArchiveSink): void {
  const reader = createTarReader({ limits: UNBOUNDED, onEntry: sink.entry, onRaw: sink.bytes });
  reader.write(member);
  reader.write(Buffer.alloc(1024));
  reader.end();
}
