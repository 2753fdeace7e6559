// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readEntryList } from '@local-backup/common/entry-list';
import { describeError } from '@local-backup/common/errors';
import type { AnomalyLimits } from '../config/anomaly-schema.ts';
import type { HostProgress } from '../host-attempt.ts';
import { formatTime } from '../report/text.ts';
import { readProof } from '../tree/live-tree.ts';
import { type Baseline, type BaselineFiles, createBaselineFiles } from './baseline.ts';
import { compareLists } from './compare-lists.ts';
import { measureCompressibility } from './compressibility.ts';
import { evidenceOf, type Measured, numbersOf } from './evidence.ts';
import { type Mark, markSuspicious, readSuspicion } from './suspicion-file.ts';

export interface AnomalyOptions {
  readonly stateDirectory: string;
  readonly hostname: string;
  readonly liveDirectory: string;
  readonly limits: AnomalyLimits;
  /** Longer entry lists are not read. */
  readonly maxEntries: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** The state that is in the live tree. */
export interface NewState {
  readonly stamp: string;
  readonly archiveBytes: number | undefined;
  /** Whole id of the newest snapshot of an earlier state. */
  readonly lastGood: string | undefined;
}

/**
 * Notices that a backup is so unlike the ones before that ransomware, a wiped disk or a broken plugin may be behind it.
 * It is stored all the same; the host is marked, see suspicion-file.ts. Whatever goes wrong in here is told and does
 * not keep a host from being backed up.
 */
export interface AnomalyGate {
  /** Says once more that the host is suspicious, as long as it is. */
  remind(progress: HostProgress): Promise<void>;
  /**
   * Compares the live tree with what was stored last, before it is stored: the mark is on disk before the snapshot
   * exists, and a run that was killed finds the same again.
   */
  look(state: NewState, progress: HostProgress): Promise<void>;
  /** The state that was looked at is stored whole: the next one is compared with it. */
  accept(progress: HostProgress): Promise<void>;
}

/** What came of looking at a state. */
interface Looked {
  readonly stamp: string;
  readonly measured: Measured;
  /** False: there is evidence that is not on disk; the next run has to find it again. */
  readonly isKept: boolean;
}

const TOO_MANY =
  'there are too many files to compare them with those that were stored before; only their number and sizes are judged';

/** The gate of one host. */
export function createAnomalyGate(options: AnomalyOptions): AnomalyGate {
  const { stateDirectory, hostname, limits, signal } = options;
  const baseline = createBaselineFiles(stateDirectory, hostname);
  let looked: Looked | undefined;

  /** An error here is one line more in the report. */
  const attempt = async (what: string, { trail }: HostProgress, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      trail.warn('anomaly', `${what}: ${describeError(error)}`);
    }
  };
  return {
    remind: (progress) =>
      attempt(`${hostname} counts as suspicious`, progress, async () => {
        const mark = await readSuspicion(stateDirectory, hostname);
        if (mark === undefined) return;
        noteMark(mark, progress);
        progress.trail.warn('anomaly', reminderText(hostname, mark));
      }),
    look: (state, progress) =>
      attempt(`${state.stamp} could not be compared with what was stored before`, progress, async () => {
        looked = undefined;
        const measured = limits.enabled ? await measure(state, baseline, options) : undefined;
        if (measured === undefined) return;
        if (measured.isTooMuch === true) progress.trail.note('anomaly', TOO_MANY);
        let runs: Baseline['runs'] = [];
        await attempt('what is usual for this host is learned anew', progress, async () => {
          runs = (await baseline.read()).runs;
        });
        const evidence = evidenceOf(measured, runs, limits);
        looked = { stamp: state.stamp, measured, isKept: evidence.length === 0 };
        if (evidence.length === 0) return;
        const found = { evidence, lastGood: state.lastGood, now: options.now() };
        noteMark(found, progress);
        progress.trail.warn('anomaly', evidenceText(hostname, found));
        await attempt(`${hostname} could not be marked as suspicious`, progress, async () => {
          noteMark(await markSuspicious(stateDirectory, hostname, found), progress);
          looked = { stamp: state.stamp, measured, isKept: true };
        });
      }),
    accept: (progress) =>
      attempt('what is usual for this host could not be noted', progress, () => accept(looked, baseline, options)),
  };
}

async function accept(
  looked: Looked | undefined,
  baseline: BaselineFiles,
  { stateDirectory, hostname, liveDirectory, limits }: AnomalyOptions,
): Promise<void> {
  if (!limits.enabled) return baseline.dropEntryList();
  const proof = await readProof(liveDirectory);
  if (proof === undefined || looked?.isKept === false) return;
  await baseline.keepEntryList(proof.entryList);
  if (looked === undefined) return;
  const isSuspicious = await readSuspicion(stateDirectory, hostname).then(
    (mark) => mark !== undefined,
    () => true,
  );
  await baseline.add({ stamp: looked.stamp, ...numbersOf(looked.measured) }, isSuspicious);
}

/** Undefined for a live tree without an entry list. */
async function measure(
  { archiveBytes }: NewState,
  { entryList }: BaselineFiles,
  { liveDirectory, maxEntries, signal }: AnomalyOptions,
): Promise<Measured | undefined> {
  const proof = await readProof(liveDirectory);
  if (proof === undefined) return undefined;
  const list = (file: string) => readEntryList(file, { entries: maxEntries });
  const before = (await isThere(entryList)) ? list(entryList) : undefined;
  const { now, change } = await compareLists(before, list(proof.entryList), { key: randomBytes(16), signal });
  const sampled = change === undefined ? undefined : await measureCompressibility(liveDirectory, change.sample, signal);
  return { now, archiveBytes, change, sampled, isTooMuch: before !== undefined && change === undefined };
}

interface Found {
  readonly evidence: readonly string[];
  readonly lastGood?: string | undefined;
}

function noteMark({ evidence, lastGood }: Found, { facts }: HostProgress): void {
  facts.suspicion = { evidence: [...evidence], ...(lastGood === undefined ? {} : { lastGood }) };
}

function evidenceText(host: string, found: Found): string {
  return [
    `${host} is not as it was before:`,
    ...found.evidence.map((line) => `- ${line}`),
    `It is stored as usual, and nothing is forgotten for ${host} until somebody has looked.`,
    ...comparison(host, found),
    `When all is well: backup-server release ${host}`,
  ].join('\n');
}

function reminderText(host: string, mark: Mark): string {
  const more = mark.evidence.length > 1 ? ` (and ${mark.evidence.length - 1} more)` : '';
  return [
    `${host} is suspicious since ${formatTime(mark.since)}: ${mark.evidence[0]}${more}. Nothing is forgotten for it.`,
    ...comparison(host, mark),
    `When all is well: backup-server release ${host}`,
  ].join('\n');
}

/** How to see what has changed. */
export function comparison(host: string, { lastGood }: Pick<Found, 'lastGood'>): readonly string[] {
  if (lastGood === undefined) return [];
  const id = lastGood.slice(0, 8);
  return [`Last snapshot before: ${id}`, `Compare: backup-server diff ${host}@${id} ${host}@latest`];
}

async function isThere(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
