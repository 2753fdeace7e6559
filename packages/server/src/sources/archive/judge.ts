// SPDX-License-Identifier: AGPL-3.0-or-later
import { displayPath } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { Entry } from '@local-backup/common/entry';
import { createEntryComparison } from '@local-backup/common/entry-comparison';
import { BackupError } from '@local-backup/common/errors';
import { gunzipFile } from '@local-backup/common/gunzip-file';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import type { TarLimits, TarTotals } from '@local-backup/common/tar-limits';
import { hashHoles } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';
import { complainAbout } from './judge-rules.ts';
import { createPathIndex, type PathIndex } from './path-index.ts';

/** Bytes as readers of the files see them, holes included, because that is what the store reads. */
export interface MostContent {
  readonly entries: number;
  readonly bytes: number;
}

export interface JudgeRequest {
  /** The archive, fetched whole. */
  readonly file: string;
  /** Lines of its entry list, in archive order; undefined for an archive without one. */
  readonly list: AsyncIterable<readonly string[]> | undefined;
  /** What the manifest says; undefined without one. */
  readonly promised: TarTotals | undefined;
  /** What the host may send at most. */
  readonly most: MostContent;
  /** Secret random bytes for {@link createPathIndex}. */
  readonly key: Uint8Array;
  readonly signal: AbortSignal;
  /** Gets every member, in order, once it has been judged; waited for. */
  readonly onEntries?: (entries: readonly Entry[]) => Promise<void>;
}

export interface Verdict {
  readonly totals: TarTotals;
  /** Size of the uncompressed archive. */
  readonly tarBytes: number;
}

/** What a member takes in an archive beside its content: headers, padding, extended attributes. */
const TAR_BYTES_PER_ENTRY = 16 * 1024;

/** Zeros compress by 1000, real data by 2 to 20; a large archive beyond this was made to be large. */
const MAX_RATIO = 200;

/** Below this much content the ratio says nothing. */
const RATIO_MATTERS_BYTES = 1024 ** 3;

/**
 * Reads an archive from end to end, without unpacking anything, and refuses it unless every member is one that may be
 * unpacked and is the next one of the entry list, content included.
 *
 * @throws BackupError `untrusted` with the first thing that is wrong
 */
export async function judgeArchive(request: JudgeRequest): Promise<Verdict> {
  const { list, promised, onEntries } = request;
  const limits = limitsOf(request.most, promised);
  const index = createPathIndex(request.key);
  const comparison = list === undefined ? undefined : createEntryComparison(list);
  let complete: Entry[] = [];
  const reader = createTarReader({
    limits,
    onMember: (entry) => admit(entry, index),
    onEntry: (entry) => complete.push(entry),
  });
  const handOn = async () => {
    const entries = complete;
    complete = [];
    await comparison?.take(entries);
    await onEntries?.(entries);
  };
  let tarBytes = 0;
  for await (const piece of gunzipBounded(request.file, limits)) {
    request.signal.throwIfAborted();
    tarBytes += piece.length;
    if (!reader.write(piece)) await hashHoles(reader, request.signal);
    await handOn();
  }
  const totals = reader.end();
  await handOn();
  await comparison?.end();
  requirePromised(totals, promised);
  return { totals, tarBytes };
}

function limitsOf(most: MostContent, promised: MostContent = most): TarLimits {
  const entries = Math.min(most.entries, promised.entries);
  const bytes = Math.min(most.bytes, promised.bytes);
  return { ...MEMBER_LIMITS, entries, bytes };
}

/** The reader's own limits end it where members become too many or too large; this is for what they cannot see. */
async function* gunzipBounded(file: string, limits: TarLimits): AsyncGenerator<Buffer, void, void> {
  const most = limits.bytes + (limits.entries + 1) * TAR_BYTES_PER_ENTRY;
  let compressed = 0;
  let total = 0;
  const onCompressed = (bytes: Buffer) => {
    compressed += bytes.length;
  };
  for await (const piece of gunzipFile(file, { onCompressed })) {
    total += piece.length;
    if (total > most) refuse(`it unpacks to more than ${formatBytes(most)}`);
    if (total > RATIO_MATTERS_BYTES && total > compressed * MAX_RATIO) {
      refuse(`${formatBytes(compressed)} of it became ${formatBytes(total)}: a decompression bomb`);
    }
    yield piece;
  }
}

/** Holds one member against the rules and remembers it. A hard link is remembered as what it is another name of. */
function admit(entry: Entry, index: PathIndex): 'keep' {
  const complaint = complainAbout(entry, index);
  if (complaint !== undefined) refuse(`${displayPath(entry.path)} ${complaint}`);
  const target = entry.type === 'hardlink' && entry.link !== undefined ? index.kindOf(entry.link) : undefined;
  index.add(entry.path, target ?? entry.type);
  return 'keep';
}

function requirePromised(found: TarTotals, promised: TarTotals | undefined): void {
  if (found.entries === 0) refuse('it holds nothing at all');
  if (promised === undefined) return;
  const differences = (['files', 'entries', 'bytes'] as const)
    .filter((key) => found[key] !== promised[key])
    .map((key) => `${found[key]} ${key} instead of ${promised[key]}`);
  if (differences.length > 0) refuse(`it does not hold what its manifest promises: ${differences.join(', ')}`);
}

function refuse(what: string): never {
  throw new BackupError('untrusted', `The archive is refused: ${what}.`);
}
