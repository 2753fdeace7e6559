// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult, Stream, Streaming } from '@local-backup/common/exec';
import type { TarTotals } from '@local-backup/common/tar-limits';
import { hashHoles, type TarReader } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';
import type { ArchiveDirectories } from './archive-directories.ts';
import { UNBOUNDED } from './archive-limits.ts';
import { createMemberFilter, type MemberFilter } from './archive-members.ts';
import { namesForTar } from './archive-paths.ts';
import type { ArchiveSink } from './archive-sink.ts';
import { type StallWatch, watchForStall } from './archive-stall.ts';
import { type TreeTotals, totalsOf } from './archive-totals.ts';
import { type NamedRead, type TarRead, tarArgs } from './tar-args.ts';
import { memberOnHost } from './tar-warnings.ts';

export interface TarRunOptions {
  /** GNU tar and its first arguments. */
  readonly tarCommand: readonly string[];
  readonly stream: Stream;
  readonly signal: AbortSignal;
  /** Longest time that reading one tree may take. */
  readonly timeoutMs: number;
  /** Longest time without a single byte from tar. */
  readonly stallMs: number;
  readonly sink: ArchiveSink;
  readonly directories: ArchiveDirectories;
  /** Called when the archive cannot be finished any more. */
  readonly onBroken: () => void;
  /** Called for everything that has gone into the archive. */
  readonly onEntry?: ((entry: Entry) => void) | undefined;
}

/** How tar has ended. */
interface Ending {
  /** Undefined where tar had to be ended. */
  readonly result: RunResult | undefined;
  /** Why its archive has no end; undefined where it has. */
  readonly problem: string | undefined;
}

/**
 * Puts what one run of GNU tar reads into the archive. Whatever ends tar too early, the archive goes on: a file that was
 * being read is taken out of it again.
 *
 * @param tar that run: {@link startTar}, or one that is over and was kept
 * @throws BackupError `failed` where the archive cannot be written any more; what the signal was aborted with
 */
export async function runTar(read: TarRead, tar: Streaming, options: TarRunOptions): Promise<TreeTotals> {
  const { root } = read;
  const filter = createMemberFilter({ ...read, directories: options.directories, parents: !read.recursion });
  const reader = createReader(filter, options);
  const { result, problem } = await readToEnd(tar, reader, options);
  if (problem === undefined) return totalsOf({ totals: reader.end(), failed: [], filter, result, root });
  const { totals, path } = await keepWhole(reader, options);
  const reason = path === undefined ? problem : `${memberOnHost(read, path)} is not in the archive: ${problem}`;
  return totalsOf({ totals, failed: [reason], filter, result, root });
}

function createReader(filter: MemberFilter, { sink, directories, onEntry }: TarRunOptions): TarReader {
  return createTarReader({
    limits: UNBOUNDED,
    onMember(entry, extent) {
      const verdict = filter.decide(entry, extent);
      directories.settle(verdict === 'keep' ? entry.path : undefined);
      return verdict;
    },
    onEntry(entry) {
      sink.entry(entry);
      onEntry?.(entry);
    },
    onRaw: sink.bytes,
    onLarge: sink.mark,
  });
}

/** Starts GNU tar. */
export function startTar(read: NamedRead, options: TarRunOptions, file?: string): Streaming {
  const [program = 'tar', ...first] = options.tarCommand;
  return options.stream(program, [...first, ...tarArgs(read, file)], {
    env: { LC_ALL: 'C' },
    stdin: namesForTar(read.paths),
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    accept: [0, 1, 2],
  });
}

async function readToEnd(tar: Streaming, reader: TarReader, options: TarRunOptions): Promise<Ending> {
  const { signal, stallMs, onBroken } = options;
  const watch = watchForStall(stallMs, tar.end);
  try {
    await pump(tar, reader, watch, options);
    const result = await tar.finished;
    if (!reader.complete) return { result, problem: 'tar ended before it had read everything.' };
    reader.end();
    return { result, problem: undefined };
  } catch (error) {
    tar.end();
    if (signal.aborted || !(error instanceof BackupError)) {
      onBroken();
      throw error;
    }
    // Why it ended is known; nothing of it may still be reading when the service is started again.
    await tar.finished.catch(() => undefined);
    return { result: undefined, problem: watch.stalled ? describeStall(stallMs) : error.message };
  } finally {
    watch.stop();
  }
}

/** From tar into the archive; no faster than the archive can be compressed and written. */
async function pump(
  tar: Streaming,
  reader: TarReader,
  watch: StallWatch,
  { sink, signal }: TarRunOptions,
): Promise<void> {
  watch.waiting();
  for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
    watch.stop();
    if (!reader.write(chunk)) await hashHoles(reader, signal);
    if (sink.full) await sink.ready();
    watch.waiting();
  }
}

/** Ends the archive's stream behind the last member that is whole. */
async function keepWhole(
  reader: TarReader,
  { sink, onBroken }: TarRunOptions,
): Promise<{ readonly totals: TarTotals; readonly path: BytePath | undefined }> {
  try {
    const { totals, path, begun } = reader.cutOff();
    if (begun) await sink.rollback();
    // Throws where the reason was that the archive cannot be written.
    await sink.ready();
    return { totals, path };
  } catch (error) {
    onBroken();
    throw error;
  }
}

/** Why a tar that gave nothing any more was ended. */
export function describeStall(stallMs: number): string {
  const minutes = Math.round(stallMs / 6_000) / 10;
  return `reading stood still: tar gave nothing for ${minutes} minutes and was ended. Look for a file system that hangs (dmesg, a dead NFS server).`;
}
