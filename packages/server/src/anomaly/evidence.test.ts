// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { anomalyLimitsOf, anomalySchema } from '../config/anomaly-schema.ts';
import type { ListChange } from './compare-lists.ts';
import { evidenceOf, type Measured, numbersOf, type RunNumbers } from './evidence.ts';

const limits = anomalyLimitsOf(anomalySchema.parse({}));
const GIB = 1024 ** 3;

interface Numbers extends Partial<Omit<ListChange, 'before'>> {
  /** Files and bytes before, and now where that differs. */
  readonly files: number;
  readonly bytes?: number;
  readonly filesNow?: number;
  readonly bytesNow?: number;
  readonly archiveBytes?: number;
  readonly sampled?: Measured['sampled'];
}

/** A state of which everything that is not named is as it was before. */
function measured({ files, bytes = 4 * GIB, filesNow = files, bytesNow = bytes, ...rest }: Numbers): Measured {
  const { archiveBytes = 2 * GIB, sampled, ...change } = rest;
  const none = { changed: 0, gone: 0, missing: 0, freshBytes: 0, endings: [], sample: [], sampledFrom: 0 };
  return {
    now: { files: filesNow, bytes: bytesNow },
    archiveBytes,
    sampled,
    change: { before: { files, bytes }, ...none, ...change },
  };
}

/** A month of nights with the same numbers. */
const nights = (numbers: Numbers, count = 30): RunNumbers[] => Array(count).fill(numbersOf(measured(numbers)));

const judge = (now: Numbers, runs: readonly RunNumbers[]) => evidenceOf(measured(now), runs, limits);

const usual: Numbers = { files: 17_300, changed: 400, gone: 100, missing: 120, freshBytes: 0.1 * GIB };
const month = nights(usual);

describe('what makes a host suspicious', () => {
  it.each<[string, Numbers, readonly string[]]>([
    [
      'files that were encrypted in place',
      { files: 17_300, changed: 12_311, freshBytes: 3.5 * GIB },
      [
        '71 % of all files were changed (usually at most 2 %): 12,311 of 17,300',
        '3.5 GiB are new content, 88 % of everything (usually at most 102.4 MiB)',
      ],
    ],
    [
      'files that were encrypted under a new name',
      {
        ...{ files: 10_000, gone: 2_409, missing: 2_410 },
        endings: [
          { ending: 'txt', gained: 2_500, before: 2_000 },
          { ending: 'l\x1bcked', gained: 2_410, before: 0 },
        ],
      },
      ['2,410 files got the new ending .l\\x1bcked, while 2,410 others went'],
    ],
    [
      'files that went',
      { files: 17_300, gone: 11_072, missing: 11_072, filesNow: 6_228 },
      ['64 % of all files are gone, and their content with them (usually at most 0.6 %): 11,072 of 17,300'],
    ],
    [
      'text that does not compress any more',
      { files: 17_300, changed: 3_000, sampledFrom: 2_800, sampled: { sampled: 256, incompressible: 250 } },
      [
        '98 % of the changed files cannot be compressed any more, as if they were encrypted: 250 of 256 that were tried',
      ],
    ],
    [
      'a disk that was wiped',
      { files: 17_300, filesNow: 0, bytesNow: 0, gone: 17_300, missing: 17_300, archiveBytes: 200 },
      [
        'no file at all is left of 17,300',
        '100 % of all files are gone, and their content with them (usually at most 0.6 %): 17,300 of 17,300',
      ],
    ],
    [
      'content that shrinks',
      { files: 17_300, bytesNow: GIB },
      ['the files together have only 1 GiB, 75 % less than usual (usually 4 GiB)'],
    ],
    [
      'a million files that nobody needs, among which others would not be noticed',
      { files: 17_300, filesNow: 1_017_300 },
      ['there are 1,017,300 files, 59 times as many as usual (usually 17,300)'],
    ],
    [
      'an archive that does not shrink any more',
      { files: 17_300, archiveBytes: 11 * GIB },
      ['the archive has 11 GiB, 5.5 times as much as usual (usually 2 GiB)'],
    ],
  ])('%s', (_, now, evidence) => {
    expect(judge(now, month)).toEqual(evidence);
  });

  it('is known without a baseline where it does not take one', () => {
    expect(judge({ files: 100, changed: 51 }, [])).toEqual(['51 % of all files were changed: 51 of 100']);
    expect(judge({ files: 100, gone: 40, missing: 40, filesNow: 60 }, [])).toHaveLength(1);
    expect(judge({ files: 100, bytesNow: 0.3 * GIB }, [])).toEqual([
      'the files have only 307.2 MiB together, 4 GiB before',
    ]);
  });

  it('is known of sizes alone where there are too many files to compare', () => {
    const state = { ...measured({ files: 1, filesNow: 5_000_000, bytesNow: GIB }), change: undefined };
    expect(evidenceOf(state, month, limits)).toEqual([]);
    expect(evidenceOf({ ...state, isTooMuch: true }, month, limits)).toEqual([
      'the files together have only 1 GiB, 75 % less than usual (usually 4 GiB)',
      'there are 5,000,000 files, 289 times as many as usual (usually 17,300)',
    ]);
  });

  it('is known of small hosts too where next to nothing is left', () => {
    expect(judge({ files: 12, filesNow: 1, gone: 11, missing: 11 }, [])).toEqual(['only 1 of 12 files is left']);
    expect(judge({ files: 3, bytes: 10 * GIB, bytesNow: 400 }, [])).toEqual([
      'the files have only 400 B together, 10 GiB before',
    ]);
    expect(judge({ files: 1, filesNow: 0, bytesNow: 0, gone: 1, missing: 1 }, [])).toHaveLength(1);
  });
});

describe('what happens on good days', () => {
  const log = { ending: 'log-#', gained: 40, before: 40 };
  it.each<[string, Numbers, readonly RunNumbers[]]>([
    ['nothing', usual, month],
    ['a first backup that leaves nothing to compare with', { files: 0, filesNow: 17_300, freshBytes: 4 * GIB }, []],
    ['a host without any file', { files: 0 }, nights({ files: 0, bytes: 0, archiveBytes: 100 })],
    ['rotated logs', { ...usual, endings: [log], missing: 40, gone: 40 }, month],
    ['a package upgrade', { ...usual, changed: 7_000, gone: 2_000, missing: 2_500, freshBytes: 0.4 * GIB }, month],
    [
      'new software with files of a kind that was not there before',
      { ...usual, filesNow: 60_000, endings: [{ ending: 'js', gained: 40_000, before: 0 }], freshBytes: 0.5 * GIB },
      month,
    ],
    [
      'one large dump that is new each day',
      { files: 2_000, bytes: 60 * GIB, changed: 3, freshBytes: 58 * GIB },
      nights({ files: 2_000, bytes: 60 * GIB, archiveBytes: 2 * GIB, changed: 3, freshBytes: 57 * GIB }),
    ],
    ['all files of a host that has 20', { files: 20, changed: 20, freshBytes: 4 * GIB }, []],
    ['dumps with the date in their names', { files: 300, gone: 300, missing: 300, endings: [] }, []],
    [
      'a disk image that is encrypted',
      { ...usual, sampledFrom: 25, sampled: { sampled: 25, incompressible: 25 } },
      month,
    ],
    [
      'too few changed files to tell',
      { ...usual, sampledFrom: 4_000, sampled: { sampled: 19, incompressible: 19 } },
      month,
    ],
    ['a directory that was moved', { ...usual, missing: 9_000, gone: 0 }, month],
    ['a photo collection that is copied onto the host', { ...usual, bytesNow: 7 * GIB, freshBytes: 3 * GIB }, month],
  ])('%s', (_, now, runs) => {
    expect(judge(now, runs)).toEqual([]);
  });

  it('what has been there twice: a job that rewrites everything on Sundays', () => {
    const sunday = { files: 1_000, changed: 900, freshBytes: 3 * GIB };
    const week = nights({ files: 1_000 }, 6);
    const once = nights(sunday, 1);
    expect(judge(sunday, week)).toHaveLength(2);
    expect(judge(sunday, [...week, ...once, ...week])).toHaveLength(2);
    expect(judge(sunday, [...week, ...once, ...week, ...once])).toEqual([]);
    expect(judge({ ...sunday, changed: 1_000 }, [...week, ...once, ...once])).toHaveLength(1);
  });

  it('a size that has been there twice', () => {
    expect(judge({ files: 9_000 }, [...nights({ files: 1_000 }, 6), ...nights({ files: 9_000 }, 2)])).toEqual([]);
    const large = nights({ files: 1_000, archiveBytes: 40 * GIB }, 2);
    expect(judge({ files: 1_000, archiveBytes: 40 * GIB }, [...nights(usual, 5), ...large])).toEqual([]);
    const small = nights({ files: 1_000, bytes: 0.5 * GIB }, 2);
    expect(judge({ files: 1_000, bytes: 0.5 * GIB }, [...nights(usual, 9), ...small])).toEqual([]);
  });

  it('a size that has been there twice and goes on growing a little, as data do', () => {
    const grown = [...nights({ files: 1_000 }, 6), ...nights({ files: 9_000, archiveBytes: 40 * GIB }, 2)];
    expect(judge({ files: 9_500, archiveBytes: 43 * GIB }, grown)).toEqual([]);
    expect(judge({ files: 9_000, archiveBytes: 60 * GIB }, grown)).toHaveLength(1);
    const shrunk = [...nights({ files: 1_000, bytes: 4 * GIB }, 9), ...nights({ files: 1_000, bytes: 0.5 * GIB }, 2)];
    expect(judge({ files: 1_000, bytes: 0.45 * GIB }, shrunk)).toEqual([]);
    expect(judge({ files: 1_000, bytes: 0.3 * GIB }, shrunk)).toHaveLength(1);
  });

  it('sizes, until what is usual is known', () => {
    expect(judge({ files: 1_000, archiveBytes: 40 * GIB, bytesNow: 1 * GIB }, nights(usual, 4))).toEqual([]);
    expect(judge({ files: 1_000, archiveBytes: 40 * GIB, bytesNow: 1 * GIB }, nights(usual, 5))).toHaveLength(2);
  });
});

describe('the numbers that are kept', () => {
  it('are shares of what was there before, where there was something', () => {
    expect(numbersOf(measured({ files: 200, changed: 50, gone: 20, freshBytes: 7 }))).toEqual({
      ...{ files: 200, bytes: 4 * GIB, archiveBytes: 2 * GIB },
      ...{ changedShare: 0.25, goneShare: 0.1, freshBytes: 7 },
    });
    const first = { now: { files: 3, bytes: 9 }, archiveBytes: undefined, change: undefined, sampled: undefined };
    expect(numbersOf(first)).toEqual({ files: 3, bytes: 9 });
    expect(evidenceOf(first, month, limits)).toEqual([]);
    expect(numbersOf(measured({ files: 0, sampled: { sampled: 40, incompressible: 30 } }))).toMatchObject({
      incompressibleShare: 0.75,
    });
  });
});
