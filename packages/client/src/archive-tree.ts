// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult, Stream, Streaming } from '@local-backup/common/exec';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import {
  createTarReader,
  hashHoles,
  type TarLimits,
  type TarReader,
  type TarTotals,
} from '@local-backup/common/tar-stream';
import { createMemberFilter, MAX_WARNINGS, type MemberFilterOptions } from './archive-members.ts';
import { namesForTar } from './archive-paths.ts';
import type { ArchiveSink } from './archive-sink.ts';
import { type TarRead, tarArgs } from './tar-args.ts';
import { hostPath, readTarMessages } from './tar-warnings.ts';

export interface TarRunOptions {
  /** GNU tar and its first arguments. */
  readonly tarCommand: readonly string[];
  readonly stream: Stream;
  readonly signal: AbortSignal;
  readonly sink: ArchiveSink;
  /** Directories that the archive has already. */
  readonly directories: Set<string>;
  /** Called when half a member is in the archive: it cannot be finished any more. */
  readonly onBroken: () => void;
}

/** What has been read, and what was odd about it. */
export interface TreeTotals extends TarTotals {
  /** Files that were not saved, or not as they should be: the service is not green. */
  readonly warnings: readonly string[];
  /** Left out as it should be: sockets. */
  readonly notes: readonly string[];
  /** Members that were left out with a warning, devices for example. */
  readonly dropped: number;
}

/** Reading a tree that takes longer than this, in milliseconds, will not end: a file system that hangs. */
const TREE_TIMEOUT_MS = 24 * 60 * 60_000;

/** Files of this host are not bounded; what the server would refuse is left out by the filter, with a warning. */
export const UNBOUNDED: TarLimits = {
  entries: Number.MAX_SAFE_INTEGER,
  bytes: Number.MAX_SAFE_INTEGER,
  pathBytes: Number.MAX_SAFE_INTEGER,
  depth: Number.MAX_SAFE_INTEGER,
  // Held in memory. More than any file system but XFS can hold for one file.
  metaBytes: 64 * 1024 * 1024,
  sparseRegions: MEMBER_LIMITS.sparseRegions,
};

/**
 * Runs GNU tar once and puts what it reads into the archive.
 *
 * @param paths relative to the root, checked
 * @throws BackupError `failed` naming the files that could not be read; all others are in the archive then
 */
export async function runTar(read: TarRead, paths: readonly BytePath[], options: TarRunOptions): Promise<TreeTotals> {
  const [program = 'tar', ...first] = options.tarCommand;
  const { sink, directories } = options;
  const filterOptions: MemberFilterOptions = { ...read, directories, parents: !read.recursion };
  const filter = createMemberFilter(filterOptions);
  const reader = createTarReader({
    limits: UNBOUNDED,
    onMember: filter.decide,
    onEntry: sink.entry,
    onRaw: sink.bytes,
  });
  const tar = options.stream(program, [...first, ...tarArgs(read)], {
    env: { LC_ALL: 'C' },
    stdin: namesForTar(paths),
    timeoutMs: TREE_TIMEOUT_MS,
    signal: options.signal,
    accept: [0, 1, 2],
  });
  const result = await pump(tar, reader, read.root, options);
  if (result.exitCode === 2) throw failureOf(result, read.root);
  const { warnings, notes } = readTarMessages(result.stderr, read.root);
  const dropped = filter.dropped - filter.warnings.length;
  return {
    ...reader.end(),
    warnings: shortened([...warnings, ...filter.warnings], dropped, result),
    notes,
    dropped: filter.dropped,
  };
}

/** From tar into the archive; no faster than the archive can be compressed and written. */
async function pump(
  tar: Streaming,
  reader: TarReader,
  root: string,
  { sink, onBroken }: TarRunOptions,
): Promise<RunResult> {
  let started = false;
  try {
    for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
      started = true;
      if (!reader.write(chunk)) await hashHoles(reader);
      if (sink.full) await sink.ready();
    }
    const result = await tar.finished;
    // Without an end of the archive, tar has given up, and says why.
    if (!reader.complete) throw failureOf(result, root);
    reader.end();
    return result;
  } catch (error) {
    if (started) onBroken();
    tar.end();
    throw error;
  }
}

function failureOf({ stderr }: RunResult, root: string): BackupError {
  const { warnings } = readTarMessages(stderr, root);
  const shown = warnings.slice(0, MAX_WARNINGS).join('\n');
  return new BackupError('failed', `Not everything could be read:\n${shown || 'tar gives no reason'}`);
}

/** As many as a report has room for. */
function shortened(
  warnings: readonly string[],
  unnamed: number,
  { exitCode, truncated }: RunResult,
): readonly string[] {
  const more = Math.max(0, warnings.length - MAX_WARNINGS) + unnamed;
  const shown = warnings.slice(0, MAX_WARNINGS);
  if (more > 0 || truncated) shown.push(`... and ${truncated ? 'more than ' : ''}${more} more`);
  if (exitCode === 1 && shown.length === 0)
    shown.push('tar reports files that changed while they were read, without naming them');
  return shown;
}

/** @throws BackupError `failed` where nothing at all came out of a tree: nobody asks for that */
export function requireEntries({ entries }: TarTotals, root: string, paths: readonly BytePath[]): void {
  if (entries > 0) return;
  const names = paths.map((path) => hostPath(root, path)).join(', ');
  throw new BackupError(
    'failed',
    `Nothing was saved of ${names}: all of it is excluded, or nothing of it can be saved.`,
  );
}
