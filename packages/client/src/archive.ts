// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Stream } from '@local-backup/common/exec';
import { createArchiveDirectories } from './archive-directories.ts';
import { checkedPaths, parentsOf, requireDirectories } from './archive-paths.ts';
import { type ArchiveSinkOptions, createArchiveSink, type FinishedArchive } from './archive-sink.ts';
import { addTotals, requireEntries, type TreeTotals } from './archive-totals.ts';
import { runTar, type TarRunOptions } from './archive-tree.ts';

export interface ArchiveWriterOptions extends ArchiveSinkOptions {
  /** GNU tar and its first arguments. */
  readonly tarCommand: readonly string[];
  readonly stream: Stream;
  /** Ends the tar that is running. */
  readonly signal: AbortSignal;
  /** Longest time that reading one tree may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Reading is given up when tar gives nothing for this many milliseconds. Default {@link STALL_MS}. */
  readonly stallMs?: number;
}

/** A disk that is busy answers within seconds; this is a file system that hangs, and a service may be waiting. */
const STALL_MS = 10 * 60_000;

/** A tree of the host that goes into the archive. */
export interface TreeRequest {
  /** Directory of the archive that it is put under: `type/service`, `type/service/data`. */
  readonly prefix: string;
  /** The directory that `paths` are relative to. */
  readonly root: string;
  /** Files and directories, without overlaps; `.` for all of the root. */
  readonly paths: readonly BytePath[];
  /** See exclude-pattern.ts; a leading slash means `root`. */
  readonly exclude: readonly string[];
  readonly oneFileSystem: boolean;
  /** True: the directories between `root` and `paths` are stored too, without what else is in them. */
  readonly parents: boolean;
}

/** Writes the archive and its entry list, tree by tree, one at a time. */
export interface ArchiveWriter {
  /**
   * Puts a directory into the archive that is nowhere on the host, mode 0700, and those above it; harmless where the
   * archive has it. Its time is 1970 unless given, so that it looks the same in every snapshot.
   */
  addDirectory(path: string, mtime?: Date): Promise<void>;
  /**
   * Reads a tree in place, once. Where files could not be read, the others are in the archive and the result's `failed`
   * names them: the caller has to make that a failure of the service.
   * @throws BackupError `failed` where nothing at all was saved, a path cannot be saved, or the archive is {@link broken}
   */
  addTree(request: TreeRequest): Promise<TreeTotals>;
  /** The archive can no longer be written, or the run was ended: nothing can be added, and `finish` throws. */
  readonly broken: boolean;
  /** Resolves when both files are whole and on disk (fsync). */
  finish(): Promise<FinishedArchive>;
  /** Removes both files. */
  abort(): Promise<void>;
}

/**
 * Creates the two files, mode 0600. GNU tar reads the trees; what it writes passes through the strict reader, which
 * hashes every file and drops what no server would take, into gzip on several threads.
 *
 * @throws BackupError `failed` where they exist or cannot be written
 */
export async function createArchiveWriter(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
  const sink = await createArchiveSink(options);
  const directories = createArchiveDirectories(sink);
  let broken = false;
  const run: TarRunOptions = { stallMs: STALL_MS, ...options, sink, directories, onBroken: () => (broken = true) };
  const requireWhole = () => {
    if (broken) throw new BackupError('failed', 'The archive is broken: it could not be written to its end.');
  };
  return {
    async addDirectory(path, mtime = new Date(0)) {
      requireWhole();
      directories.want(path, mtime);
    },
    async addTree(request) {
      requireWhole();
      directories.want(request.prefix, new Date(0));
      return addTree(request, run);
    },
    get broken() {
      return broken;
    },
    async finish() {
      requireWhole();
      directories.settle();
      return sink.finish();
    },
    abort: () => sink.abort(),
  };
}

export type { FinishedArchive };

async function addTree(request: TreeRequest, run: TarRunOptions): Promise<TreeTotals> {
  const { prefix, root, exclude, oneFileSystem } = request;
  const paths = checkedPaths(request.paths);
  const parents = request.parents ? parentsOf(paths) : [];
  await requireDirectories(root, parents);
  const above = { prefix, root, exclude: [], oneFileSystem: false, recursion: false };
  const before = parents.length === 0 ? undefined : await runTar(above, parents, run);
  // Without its parents nothing of the tree would have its place.
  if (before !== undefined && before.failed.length > 0) return before;
  const totals = await runTar({ prefix, root, exclude, oneFileSystem, recursion: true }, paths, run);
  requireEntries(totals, root, paths);
  return before === undefined ? totals : addTotals(before, totals);
}
