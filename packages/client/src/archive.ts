// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import type { Stream, Streaming } from '@local-backup/common/exec';
import { createArchiveDirectories } from './archive-directories.ts';
import { type HeldTree, type HoldPlace, holdTree, openHeldTar, releaseHeld } from './archive-held.ts';
import { checkedPaths, parentsOf, requireDirectories } from './archive-paths.ts';
import { type ArchiveSinkOptions, createArchiveSink, type FinishedArchive } from './archive-sink.ts';
import { addTotals, requireEntries, type TreeTotals } from './archive-totals.ts';
import { runTar, startTar, type TarRunOptions } from './archive-tree.ts';
import type { NamedRead, TreeReads } from './tar-args.ts';

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
  /** Called for everything that has gone into the archive; paths are those of the archive. */
  readonly onEntry?: (entry: Entry) => void;
}

/** Writes the archive and its entry list, tree by tree, one at a time: what is asked for meanwhile waits for its turn. */
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
  /**
   * Reads a tree at the speed of the disks into an uncompressed temporary tar, for {@link addHeld}: the archive is not
   * touched. Undefined where there is no room for it, or none left half-way: nothing is left of it then.
   * @throws BackupError `failed` where a path cannot be saved
   */
  holdTree(request: TreeRequest, place: HoldPlace): Promise<HeldTree | undefined>;
  /** The same as {@link addTree} for a tree that is held, with what was said while it was read. Removes what was held. */
  addHeld(held: HeldTree): Promise<TreeTotals>;
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
  // Services may be saved at the same time; their trees come one after the other.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  return {
    async addDirectory(path, mtime = new Date(0)) {
      requireWhole();
      directories.want(path, mtime);
    },
    addTree: (request) =>
      inTurn(async () => {
        requireWhole();
        directories.want(request.prefix, new Date(0));
        return addTree(request, await readsOf(request), run, (read) => startTar(read, run));
      }),
    holdTree: async (request, place) => holdTree(request, await readsOf(request), run, place),
    addHeld: (held) =>
      inTurn(async () => {
        requireWhole();
        directories.want(held.request.prefix, new Date(0));
        try {
          return await addTree(held.request, held.reads, run, (read) => openHeldTar(held, read));
        } finally {
          await releaseHeld(held);
        }
      }),
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

export type { FinishedArchive, HeldTree, TreeTotals };

/** How a tree is read, checked: its parents first, where it has some. */
async function readsOf(request: TreeRequest): Promise<TreeReads> {
  const { prefix, root, exclude, oneFileSystem } = request;
  const paths = checkedPaths(request.paths);
  const parents = request.parents ? parentsOf(paths) : [];
  await requireDirectories(root, parents);
  const above: NamedRead = { prefix, root, exclude: [], oneFileSystem: false, recursion: false, paths: parents };
  const tree: NamedRead = { prefix, root, exclude, oneFileSystem, recursion: true, paths };
  return { above: parents.length === 0 ? undefined : above, tree };
}

async function addTree(
  { onEntry }: TreeRequest,
  { above, tree }: TreeReads,
  options: TarRunOptions,
  start: (read: NamedRead) => Streaming,
): Promise<TreeTotals> {
  const run = { ...options, onEntry };
  const before = above === undefined ? undefined : await runTar(above, start(above), run);
  // Without its parents nothing of the tree would have its place.
  if (before !== undefined && before.failed.length > 0) return before;
  const totals = await runTar(tree, start(tree), run);
  requireEntries(totals, tree.root, tree.paths);
  return before === undefined ? totals : addTotals(before, totals);
}
