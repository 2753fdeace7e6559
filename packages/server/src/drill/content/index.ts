// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BytePath, displayPath, textOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { type Locate, locateIn } from '../../tree/entry-on-disk.ts';
import { dumpProblem, isTarName, type Kind, kindOf } from './kinds.ts';
import { sqliteProblem, tarProblem } from './programs.ts';
import { readGzipEnds, readHead, readTail } from './read.ts';
import { jsonProblem, yamlTextProblem } from './texts.ts';

/** Where and how contents are looked at. */
export interface ContentIo {
  /** A restored tree that was found to be as its entry list: nothing in it is executed. */
  readonly tree: string;
  /** An empty directory, for the sandbox. */
  readonly mountPoint: string;
  readonly run: Run;
  /** For all of it, in milliseconds. */
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

export interface ContentReport {
  /** Files of a known kind that were looked at. */
  readonly looked: number;
  /** At most 20, paths fit to be shown; `what` goes on from the path. */
  readonly problems: readonly { readonly path: string; readonly what: string }[];
  readonly problemCount: number;
  /** What could not be looked at, and why. */
  readonly notes: readonly string[];
}

const PROBLEMS_NAMED = 20;
const TURN_MS = 50;

/**
 * Would what was saved be of any use? Archives are read to their ends, dumps of databases end as whole ones do, SQLite
 * databases are intact, JSON and YAML can be parsed. Whatever is wrong was so on the host already: the tree is as listed.
 *
 * @param list what was restored
 */
export async function checkContents(list: AsyncIterable<readonly Entry[]>, io: ContentIo): Promise<ContentReport> {
  const look = await createLook(io);
  let turn = performance.now();
  for await (const batch of list) {
    for (const entry of batch) {
      if (entry.type !== 'file') continue;
      io.signal.throwIfAborted();
      if (look.isLate()) return look.report(true);
      await look.at(entry);
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
  }
  return look.report(false);
}

async function createLook(io: ContentIo) {
  const inTree = locateIn(io.tree);
  const deadline = performance.now() + io.timeMs;
  const left = () => deadline - performance.now();
  const problems: { path: string; what: string }[] = [];
  const unseen = new Map<string, number>();
  const counts = { looked: 0, problems: 0 };
  const hasSqlite = await canRunSqlite(io);
  const note = (why: string) => void unseen.set(why, (unseen.get(why) ?? 0) + 1);
  const problem = (path: BytePath, what: string) => {
    counts.problems += 1;
    if (problems.length < PROBLEMS_NAMED) problems.push({ path: displayPath(path), what });
  };
  const judge = async (kind: Kind, entry: Entry): Promise<string | undefined> => {
    if (kind !== 'sqlite') return problemOf(kind, entry, { ...io, inTree, left });
    const path = textOf(entry.path);
    if (!hasSqlite || path === undefined) {
      note(
        hasSqlite
          ? 'the name of an SQLite database is not UTF-8'
          : 'SQLite databases: the program sqlite3 is not installed',
      );
      return undefined;
    }
    const place = { tree: io.tree, mountPoint: io.mountPoint, path };
    const found = await sqliteProblem(place, { ...io, timeoutMs: Math.max(1, left()) });
    if (found.unseen !== undefined) note(`SQLite databases: ${found.unseen}`);
    return found.problem === undefined ? undefined : `would not load: SQLite: ${found.problem}`;
  };
  return {
    isLate: () => left() <= 0,
    async at(entry: Entry): Promise<void> {
      const kind = kindOf(entry.path, entry.size, entry.size === 0 ? Buffer.alloc(0) : readHead(inTree(entry.path)));
      if (kind === undefined) return;
      const what = await judge(kind, entry);
      // One that was given up because the time is over has no problem.
      if (left() <= 0) return;
      counts.looked += 1;
      if (what !== undefined) problem(entry.path, what);
    },
    report(late: boolean): ContentReport {
      const notes = [...unseen].map(([why, count]) => `not looked at: ${why}${count > 1 ? ` (${count} times)` : ''}`);
      if (late) notes.push(`the time for contents was up after ${counts.looked} files; the rest was not looked at`);
      return { looked: counts.looked, problems, problemCount: counts.problems, notes };
    },
  };
}

interface Judging extends ContentIo {
  readonly inTree: Locate;
  readonly left: () => number;
}

async function problemOf(kind: Kind, { path, size }: Entry, io: Judging): Promise<string | undefined> {
  const file = io.inTree(path);
  const program = { run: io.run, signal: io.signal, timeoutMs: Math.max(1, io.left()) };
  if (kind === 'empty') return 'would not load: it is empty';
  if (kind === 'json') return jsonProblem(await readFile(file, 'utf8'));
  if (kind === 'yaml') return yamlTextProblem(await readFile(file, 'utf8'));
  if (kind === 'sql') return wouldNotLoad(dumpProblem(readHead(file), await readTail(file, size)));
  if (kind === 'gzip' && !isTarName(path)) return gzipProblem(file, io);
  return wouldNotLoad(await tarProblem(file, kind === 'gzip', program));
}

function wouldNotLoad(problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `would not load: ${problem}`;
}

async function gzipProblem(file: Buffer, io: Judging): Promise<string | undefined> {
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(Math.max(1, Math.ceil(io.left())))]);
  try {
    const { head, tail } = await readGzipEnds(file, signal);
    return wouldNotLoad(dumpProblem(head, tail));
  } catch (error) {
    io.signal.throwIfAborted();
    return `would not load: it cannot be decompressed to its end (${error instanceof Error ? error.message : String(error)})`;
  }
}

async function canRunSqlite({ run, signal }: ContentIo): Promise<boolean> {
  try {
    await run('sqlite3', ['-version'], { timeoutMs: 60_000, signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return false;
  }
}
