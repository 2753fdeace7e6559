// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Stream } from '@local-backup/common/exec';
import { createTarReader } from '@local-backup/common/tar-stream';
import { formatDirectory } from './archive-directory.ts';
import { checkedPaths, parentsOf, requireDirectories } from './archive-paths.ts';
import { type ArchiveSink, type ArchiveSinkOptions, createArchiveSink, type FinishedArchive } from './archive-sink.ts';
import { requireEntries, runTar, type TarRunOptions, type TreeTotals, UNBOUNDED } from './archive-tree.ts';

export interface ArchiveWriterOptions extends ArchiveSinkOptions {
  /** GNU tar and its first arguments. */
  readonly tarCommand: readonly string[];
  readonly stream: Stream;
  /** Ends the tar that is running. */
  readonly signal: AbortSignal;
}

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
   * Reads a tree in place, once.
   * @throws BackupError `failed` where files could not be read (the others are in the archive, which can go on unless
   *   it is {@link broken}), or where there was nothing to save
   */
  addTree(request: TreeRequest): Promise<TreeTotals>;
  /** A member was cut off in the middle: nothing can be added, and `finish` throws. */
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
  const directories = new Set<string>();
  let broken = false;
  const run: TarRunOptions = { ...options, sink, directories, onBroken: () => (broken = true) };
  const requireWhole = () => {
    if (broken) throw new BackupError('failed', 'The archive is broken: reading a file was cut off in the middle.');
  };
  return {
    async addDirectory(path, mtime = new Date(0)) {
      requireWhole();
      await addDirectory(path, mtime, run);
    },
    async addTree(request) {
      requireWhole();
      await addDirectory(request.prefix, new Date(0), run);
      return addTree(request, run);
    },
    get broken() {
      return broken;
    },
    async finish() {
      requireWhole();
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
  const totals = await runTar({ prefix, root, exclude, oneFileSystem, recursion: true }, paths, run);
  requireEntries(totals, root, paths);
  return {
    ...totals,
    entries: totals.entries + (before?.entries ?? 0),
    warnings: [...(before?.warnings ?? []), ...totals.warnings],
  };
}

/** Through the strict reader like everything else, so that there is one way into the archive. */
async function addDirectory(path: string, mtime: Date, { sink, directories }: TarRunOptions): Promise<void> {
  const names = path.split('/');
  const mtimeSeconds = Math.floor(mtime.getTime() / 1000);
  for (const index of names.keys()) {
    const ancestor = names.slice(0, index + 1).join('/');
    if (directories.has(ancestor)) continue;
    directories.add(ancestor);
    writeDirectory(formatDirectory({ path: ancestor, mtimeSeconds }), sink);
  }
  if (sink.full) await sink.ready();
}

function writeDirectory(member: Buffer, sink: ArchiveSink): void {
  const reader = createTarReader({ limits: UNBOUNDED, onEntry: sink.entry, onRaw: sink.bytes });
  reader.write(member);
  reader.write(Buffer.alloc(1024));
  reader.end();
}
