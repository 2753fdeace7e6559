// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { AnomalyLimits } from '../config/anomaly-schema.ts';
import { formatCount } from '../report/text.ts';
import type { ListChange, ListTotals } from './compare-lists.ts';
import type { Compressibility } from './compressibility.ts';

/** What is known about the state that is about to be stored. */
export interface Measured {
  readonly now: ListTotals;
  readonly archiveBytes: number | undefined;
  /** Against the state that was stored last; undefined where that cannot be told. */
  readonly change: ListChange | undefined;
  /** Of the changed files. */
  readonly sampled: Compressibility | undefined;
  /** There were too many files to compare them: only sizes and numbers can be judged. */
  readonly isTooMuch?: boolean;
}

/** What the baseline keeps of a run. Shares from 0 to 1; missing where they were not known. */
export interface RunNumbers {
  readonly files: number;
  readonly bytes: number;
  readonly archiveBytes?: number | undefined;
  readonly changedShare?: number | undefined;
  readonly goneShare?: number | undefined;
  readonly freshBytes?: number | undefined;
  readonly incompressibleShare?: number | undefined;
}

/** The good runs before, and what may differ. */
interface Known {
  readonly runs: readonly RunNumbers[];
  readonly limits: AnomalyLimits;
}

/** Everything that a rule about sizes looks at. */
interface State extends Known {
  readonly measured: Measured;
  /** What is usual for the host is known. */
  readonly isLearned: boolean;
}

/** Everything that a rule about a change looks at. */
interface Case extends State {
  readonly change: ListChange;
}

type SizeRule = (found: State) => string | undefined;
type Rule = (found: Case) => string | undefined;

/** Whatever the host is like: less than this share of the files, or of their bytes, is nearly nothing. */
const NEARLY_NOTHING = 0.1;

/** Ten small files fewer are no disaster. */
const NEARLY_NOTHING_FROM_FILES = 10;
const NEARLY_NOTHING_FROM_BYTES = 10_000;

/** A new ending counts as such when at most one in ten of the files that have it now had it before. */
const KNOWN_ENDING_SHARE = 0.1;

/** Fewer files than this are no sample. */
const LEAST_SAMPLE = 20;

/** Changed files that cannot be compressed are a matter only where they are this share of all files. */
const MATTERS_SHARE = 0.01;

/** New content is a matter only where it is this share of everything. */
const MATTERS_FRESH_SHARE = 0.5;

/** What the baseline is to keep of a run. */
export function numbersOf({ now, archiveBytes, change, sampled }: Measured): RunNumbers {
  const incompressibleShare = sampled === undefined ? undefined : incompressibleShareOf(sampled);
  return {
    ...now,
    ...(archiveBytes === undefined ? {} : { archiveBytes }),
    ...(change === undefined ? {} : changeNumbers(change)),
    ...(incompressibleShare === undefined ? {} : { incompressibleShare }),
  };
}

function changeNumbers({ before, changed, gone, freshBytes }: ListChange): Partial<RunNumbers> {
  if (before.files === 0) return {};
  return { changedShare: changed / before.files, goneShare: gone / before.files, freshBytes };
}

/**
 * Why the new state looks as if something bad had happened to the host: one line in plain words for each reason, with
 * numbers; none for a state as one knows it. Names of endings come from the host and are made visible.
 */
export function evidenceOf(measured: Measured, runs: readonly RunNumbers[], limits: AnomalyLimits): readonly string[] {
  const { change } = measured;
  const state = { measured, runs, limits, isLearned: runs.length >= limits.minRuns };
  if (change === undefined) return measured.isTooMuch === true ? present(oddSizes(state)) : [];
  if (change.before.files === 0) return [];
  const found: Case = { ...state, change };
  const disaster = nothingLeft(found) ?? fewFilesLeft(found) ?? fewBytesLeft(found);
  if (change.before.files < limits.minFiles) return disaster === undefined ? [] : [disaster];
  const sizes = disaster === undefined ? oddSizes(state) : [disaster];
  return present([
    ...sizes,
    ...[manyGone, manyChanged, newEnding, incompressible, freshContent].map((rule) => rule(found)),
  ]);
}

function oddSizes(state: State): readonly (string | undefined)[] {
  return [archiveSize, contentSize, manyFiles].map((rule) => rule(state));
}

function present(lines: readonly (string | undefined)[]): readonly string[] {
  return lines.filter((line) => line !== undefined);
}

const nothingLeft: Rule = ({ measured, change }) =>
  measured.now.files > 0 ? undefined : `no file at all is left of ${formatCount(change.before.files)}`;

const fewFilesLeft: Rule = ({ measured: { now }, change: { before } }) => {
  if (before.files < NEARLY_NOTHING_FROM_FILES || now.files >= NEARLY_NOTHING * before.files) return undefined;
  return `only ${formatCount(now.files)} of ${formatCount(before.files)} files ${now.files === 1 ? 'is' : 'are'} left`;
};

const fewBytesLeft: Rule = ({ measured: { now }, change: { before } }) => {
  if (before.bytes < NEARLY_NOTHING_FROM_BYTES || now.bytes >= NEARLY_NOTHING * before.bytes) return undefined;
  return `the files have only ${formatBytes(now.bytes)} together, ${formatBytes(before.bytes)} before`;
};

/** Until what is usual is known, dated names are: files that make room for others, as many as before, are no loss. */
const manyGone: Rule = ({ measured, change: { gone, before }, runs, limits, isLearned }) => {
  const share = gone / before.files;
  const usual = usualMost(runs.map(({ goneShare }) => goneShare));
  if (share <= allowedShare(limits.maxDeletedShare, usual)) return undefined;
  if (!isLearned && measured.now.files >= (1 - limits.maxDeletedShare) * before.files) return undefined;
  const of = `${formatCount(gone)} of ${formatCount(before.files)}`;
  return `${percent(share)} of all files are gone, and their content with them${usually(usual)}: ${of}`;
};

const manyChanged: Rule = ({ change: { changed, before }, runs, limits }) => {
  const share = changed / before.files;
  const usual = usualMost(runs.map(({ changedShare }) => changedShare));
  if (share <= allowedShare(limits.maxChangedShare, usual)) return undefined;
  const of = `${formatCount(changed)} of ${formatCount(before.files)}`;
  return `${percent(share)} of all files were changed${usually(usual)}: ${of}`;
};

/** New software brings new kinds of files, too; but other files do not go at the same time. */
const newEnding: Rule = ({ measured: { now }, change: { endings, missing }, limits }) => {
  const isNew = ({ gained, before }: ListChange['endings'][number]) =>
    gained > limits.maxNewExtensionShare * now.files && before <= KNOWN_ENDING_SHARE * gained && 2 * missing >= gained;
  const [found] = endings.filter(isNew);
  if (found === undefined) return undefined;
  const name = displayPath(found.ending as BytePath);
  return `${formatCount(found.gained)} files got the new ending .${name}, while ${formatCount(missing)} others went`;
};

const incompressible: Rule = ({ measured: { sampled, now }, change, runs, limits }) => {
  const share = sampled === undefined ? undefined : incompressibleShareOf(sampled);
  if (sampled === undefined || share === undefined) return undefined;
  const usual = usualMost(runs.map(({ incompressibleShare }) => incompressibleShare));
  if (share <= allowedShare(limits.maxIncompressibleShare, usual)) return undefined;
  if (share * change.sampledFrom < Math.max(limits.minFiles, MATTERS_SHARE * now.files)) return undefined;
  const of = `${formatCount(sampled.incompressible)} of ${formatCount(sampled.sampled)} that were tried`;
  const what = `${percent(share)} of the changed files cannot be compressed any more, as if they were encrypted`;
  return `${what}${usually(usual)}: ${of}`;
};

const archiveSize: SizeRule = ({ measured, runs, ...rest }) =>
  oddSize('the archive has', measured.archiveBytes, { ...rest, sizes: runs.map(({ archiveBytes }) => archiveBytes) });

const contentSize: SizeRule = ({ measured, runs, ...rest }) =>
  oddSize('the files together have', measured.now.bytes, { ...rest, sizes: runs.map(({ bytes }) => bytes) });

/** What has grown goes on growing a little every night: after a jump that was released, that is none to wonder about. */
const ABOUT_THE_SAME = 1.25;

/** Among millions of files that mean nothing, the share of those that were changed would be small. */
const manyFiles: SizeRule = ({ measured: { now }, runs, limits, isLearned }) => {
  const known = runs.map(({ files }) => files).sort((a, b) => a - b);
  const middle = known[Math.floor(known.length / 2)] ?? 0;
  const most = Math.max(limits.maxGrowthFactor * middle, ABOUT_THE_SAME * (known.at(-2) ?? 0));
  if (!isLearned || middle === 0 || now.files <= most) return undefined;
  const times = formatTimes(now.files / middle);
  return `there are ${formatCount(now.files)} files, ${times} times as many as usual (usually ${formatCount(middle)})`;
};

/** A size that has been there twice, or about that, is none to wonder about. */
function oddSize(
  what: string,
  bytes: number | undefined,
  {
    sizes,
    limits,
    isLearned,
  }: Pick<State, 'limits' | 'isLearned'> & { readonly sizes: readonly (number | undefined)[] },
): string | undefined {
  const known = sizes.filter((size) => size !== undefined).sort((a, b) => a - b);
  const middle = known[Math.floor(known.length / 2)];
  if (!isLearned || bytes === undefined || middle === undefined || middle === 0) return undefined;
  const usual = `usually ${formatBytes(middle)}`;
  if (bytes > Math.max(limits.maxGrowthFactor * middle, ABOUT_THE_SAME * (known.at(-2) ?? 0))) {
    return `${what} ${formatBytes(bytes)}, ${formatTimes(bytes / middle)} times as much as usual (${usual})`;
  }
  if (bytes >= Math.min((1 - limits.maxShrinkShare) * middle, (known[1] ?? middle) / ABOUT_THE_SAME)) return undefined;
  return `${what} only ${formatBytes(bytes)}, ${percent(1 - bytes / middle)} less than usual (${usual})`;
}

const freshContent: Rule = ({ measured: { now }, change: { freshBytes }, runs, limits, isLearned }) => {
  const usual = usualMost(runs.map((run) => run.freshBytes));
  if (!isLearned || usual === undefined || freshBytes <= limits.maxGrowthFactor * usual) return undefined;
  if (freshBytes <= MATTERS_FRESH_SHARE * now.bytes) return undefined;
  const share = percent(freshBytes / now.bytes);
  return `${formatBytes(freshBytes)} are new content, ${share} of everything (usually at most ${formatBytes(usual)})`;
};

function incompressibleShareOf({ sampled, incompressible }: Compressibility): number | undefined {
  return sampled < LEAST_SAMPLE ? undefined : incompressible / sampled;
}

/** What has happened at least twice is usual; once is an accident, and one that was released must not hide the next. */
function usualMost(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.sort((a, b) => b - a)[1];
}

/** The limit, or, for a host that comes near it on good days, some way beyond what is usual there. */
function allowedShare(limit: number, usual = 0): number {
  return Math.max(limit, Math.min(2 * usual, (1 + usual) / 2));
}

function usually(usual: number | undefined): string {
  return usual === undefined ? '' : ` (usually at most ${percent(usual)})`;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

function formatTimes(factor: number): string {
  return factor < 9.95 ? String(Math.round(10 * factor) / 10) : formatCount(Math.round(factor));
}
