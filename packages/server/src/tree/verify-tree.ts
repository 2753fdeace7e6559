// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BigIntStats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BytePath, displayPath, textOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { mapParallel } from '@local-backup/common/parallel';
import { PathSet } from '../restore/path-set.ts';
import { differs, isSameFile, type Locate, locateIn, statOf, targetOf, typeOf } from './entry-on-disk.ts';
import { hashFile } from './hash-file.ts';
import { createReach } from './reach.ts';
import { pathsIn, ROOT } from './tree-walk.ts';

/** What a comparison has found. Sizes in bytes. */
export interface VerifiedTree {
  /** Entries that were compared. */
  readonly entries: number;
  /** Files whose content was read, and the bytes of it. */
  readonly files: number;
  readonly bytes: number;
  /** At most 100, paths fit to be shown; `what` goes on from the path: `is missing`. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  /** Second names of files that were not selected: their content is listed nowhere, so it was not compared. */
  readonly uncompared: number;
}

export interface Difference {
  readonly path: string;
  readonly what: string;
}

export interface VerifyOptions {
  /** Only entries for which this is true were restored, and the directories above them. */
  readonly select?: (path: BytePath) => boolean;
  /** There were other things before: what is beside the entries is not looked for. */
  readonly amongOthers?: boolean;
  readonly signal: AbortSignal;
  /** Called again and again; counts so far. */
  readonly onProgress?: (done: { readonly entries: number; readonly bytes: number }) => void;
}

/** Of a sha256, in a message. */
const SHOWN_DIGITS = 16;

const DIFFERENCES_NAMED = 100;

/** Files whose content is read at the same time. */
const FILES_AT_A_TIME = 4;

const TURN_MS = 50;

/** Times outside of these are ones that restic (1678 to 2262) or a file system (1901 to 2038) may be unable to hold. */
const EARLIEST_NS = -(2n ** 31n) * 1_000_000_000n;
const LATEST_NS = 2n ** 31n * 1_000_000_000n;

/**
 * Compares a restored tree with the entry list that was saved with it: type, size, owner, mode, time, link target, second
 * names and the content of every file; and that nothing else is there. The tree is not trusted: links are never followed
 * and a path that leads through one counts as missing. The tree's top and its `.backup` are not compared.
 *
 * No difference is: a time that cannot be kept (before 1901, after 2037, or whole seconds on a file system that has no
 * finer ones), and that a second name of a link or FIFO became one of its own: restic keeps hard links of files only.
 *
 * @throws whatever the list throws; an item that cannot be read is a difference
 */
export async function verifyTree(
  directory: string,
  list: AsyncIterable<readonly Entry[]>,
  options: VerifyOptions,
): Promise<VerifiedTree> {
  const { select = () => true, amongOthers = false, signal, onProgress } = options;
  const inTree = locateIn(directory);
  const reach = createReach(inTree);
  const listed = amongOthers ? undefined : new PathSet();
  const found = createFindings();
  const breathe = createBreather();
  for await (const batch of list) {
    for (const { path, type } of batch) if (type === 'directory') listed?.add(path);
    const chosen = batch.filter(({ path }) => path !== ROOT && select(path));
    await mapParallel(chosen, FILES_AT_A_TIME, async (entry) => {
      await breathe();
      signal.throwIfAborted();
      listed?.add(entry.path);
      await verifyEntry(entry, { inTree, reach, found, select, signal });
    });
    onProgress?.(found.counts);
  }
  if (listed !== undefined) await findUnlisted(inTree, listed, found, signal);
  return { ...found.counts, differences: found.differences };
}

/** Small files are read without letting anything else have its turn: signals have to be seen now and then. */
function createBreather(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < TURN_MS) return undefined;
    last = performance.now();
    return nextTurn();
  };
}

interface Verification {
  readonly inTree: Locate;
  readonly reach: (path: BytePath) => string | undefined;
  readonly found: Findings;
  readonly select: (path: BytePath) => boolean;
  readonly signal: AbortSignal;
}

type Findings = ReturnType<typeof createFindings>;

function createFindings() {
  const differences: Difference[] = [];
  const counts = { entries: 0, files: 0, bytes: 0, differenceCount: 0, uncompared: 0 };
  return {
    differences,
    counts,
    add(path: BytePath, what: string): void {
      counts.differenceCount += 1;
      if (differences.length < DIFFERENCES_NAMED) differences.push({ path: displayPath(path), what });
    },
  };
}

async function verifyEntry(entry: Entry, verification: Verification): Promise<void> {
  const { inTree, reach, found } = verification;
  found.counts.entries += 1;
  try {
    const barred = reach(entry.path);
    const stats = barred === undefined ? statOf(inTree(entry.path)) : undefined;
    const what = stats === undefined ? (barred ?? 'is missing') : await differenceOf(entry, stats, verification);
    if (what !== undefined) found.add(entry.path, what);
  } catch (error) {
    verification.signal.throwIfAborted();
    found.add(entry.path, `cannot be read: ${describeFailure(error)}`);
  }
}

/** An error without a code is a mistake of ours. */
function describeFailure(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  throw error;
}

function differenceOf(entry: Entry, stats: BigIntStats, verification: Verification) {
  if (entry.type === 'hardlink') return differsFromFirst(entry, stats, verification);
  const difference =
    explained(entry, differs(entry, stats, verification.inTree)) ?? differsInTime(entry.mtimeNs, stats.mtimeNs);
  // What else differs must not hide that the content does.
  if (entry.type !== 'file' || typeOf(stats) !== 'file') return difference;
  return differsInContent(entry, difference, verification);
}

/** Measured: restic 0.14 puts U+FFFD in the place of each byte that is not UTF-8. */
function explained({ link }: Entry, difference: string | undefined): string | undefined {
  const isLossy = link !== undefined && textOf(link) === undefined && difference?.includes('\ufffd') === true;
  if (!isLossy) return difference;
  return `${difference}: restic before 0.16 cannot keep a target that is not UTF-8; the exact one is in .backup/entries.gz`;
}

async function differsInContent(
  { path, size, sha256 }: Entry,
  difference: string | undefined,
  { inTree, found, signal }: Verification,
): Promise<string | undefined> {
  const actual = await hashFile(inTree(path), size, signal);
  found.counts.files += 1;
  found.counts.bytes += size;
  if (actual === sha256) return difference;
  const content = `its content is another one (sha256 ${actual.slice(0, SHOWN_DIGITS)}..., not ${sha256?.slice(0, SHOWN_DIGITS)}...)`;
  return difference === undefined ? content : `${difference}; ${content}`;
}

function differsInTime(wanted: bigint, actual: bigint): string | undefined {
  if (actual === wanted || wanted < EARLIEST_NS || wanted >= LATEST_NS) return undefined;
  const isWholeSecond = actual % 1_000_000_000n === 0n;
  if (isWholeSecond && wanted - actual > 0n && wanted - actual < 1_000_000_000n) return undefined;
  return `its time is ${timeText(actual)}, not ${timeText(wanted)}`;
}

function timeText(nanoseconds: bigint): string {
  const milliseconds = Number(nanoseconds / 1_000_000n);
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return `${nanoseconds} ns`;
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return `${date.toISOString().slice(0, -5)}.${fraction.toString().padStart(9, '0')}`;
}

/** A second name is the same inode; everything else was compared under the first. */
function differsFromFirst(
  { path, link = ROOT }: Entry,
  stats: BigIntStats,
  { inTree, reach, found, select }: Verification,
): string | undefined {
  if (!select(link)) {
    found.counts.uncompared += 1;
    return undefined;
  }
  const first = reach(link) === undefined ? statOf(inTree(link)) : undefined;
  if (first !== undefined && isSameFile(first, stats)) return undefined;
  if (first !== undefined && isLikeFirst(first, stats, [inTree(link), inTree(path)])) return undefined;
  return `it is not a second name of ${displayPath(link)}`;
}

/** What is not a file is restored once for each name; then it has to be the same thing again. */
function isLikeFirst(first: BigIntStats, stats: BigIntStats, [one, other]: readonly [Buffer, Buffer]): boolean {
  if (first.isFile() || first.mode !== stats.mode || first.uid !== stats.uid || first.gid !== stats.gid) return false;
  if (first.isSymbolicLink()) return targetOf(one) === targetOf(other);
  return first.rdev === stats.rdev;
}

/** Everything that is on disk and not in the list. */
async function findUnlisted(inTree: Locate, listed: PathSet, found: Findings, signal: AbortSignal): Promise<void> {
  for await (const path of pathsIn(inTree)) {
    signal.throwIfAborted();
    if (!listed.has(path)) found.add(path, 'is not in the entry list');
  }
}
