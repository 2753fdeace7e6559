// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { describe, expect, test } from 'vitest';
import { good, runOf, unreachable } from '../../../../test/helpers/run-records.ts';
import { renderAnyRun } from './render-any-run.ts';
import { renderRuns } from './render-runs.ts';
import { chooseRuns, filterRuns } from './select-runs.ts';

const now = new Date('2026-11-21T12:00:00.000Z');

/** Run number n is n hours old. */
const runs = [0, 1, 2, 3, 4, 5].map((hours): RunRecord => {
  const started = new Date(now.getTime() - hours * 3_600_000).toISOString();
  const id = `20261121_${started.slice(11, 19).replaceAll(':', '')}-0000000${hours}`;
  const record = runOf(hours % 2 === 0 ? [good] : [good, unreachable]);
  return { ...record, id, started, command: hours === 3 ? 'maintenance' : 'backup' };
});

const numbersOf = (chosen: readonly RunRecord[]) => chosen.map(({ id }) => Number(id.slice(-1)));

describe('which run', () => {
  test.each<[string, number, number[]]>([
    ['-0', 1, [0]],
    ['-2', 1, [2]],
    ['-4', 4, [4, 5]],
    ['-0', 3, [0, 1, 2]],
    ['20261121_0900', 1, [3]],
    ['20261121_090000-00000003', 1, [3]],
  ])('%s, %i of them', (which, count, expected) => {
    expect(numbersOf(chooseRuns(runs, which, count))).toEqual(expected);
  });

  test.each([
    ['-6', 'Only 6 runs found; -6 is further back.'],
    ['20250101', 'There is no run 20250101. Which there are: backup-server runs'],
    ['20261121_1', '3 runs begin with 20261121_1; give more of the id: 20261121_120000-00000000, '],
    ['latest', '"latest" is no run. Give an id, its beginning, or -0 for the newest, -1, -2 ...'],
    ['--bogus', '"--bogus" is no run.'],
  ])('%s is refused', (which, message) => {
    expect(() => chooseRuns(runs, which, 1)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => chooseRuns(runs, which, 1)).toThrow(message);
  });

  test('no runs at all', () => {
    expect(() => chooseRuns([], '-0', 1)).toThrow('Only 0 runs found.');
  });
});

test('filters: host, command and time; of a run only the host that was asked for is left', () => {
  expect(numbersOf(filterRuns(runs, { host: 'db1' }, now))).toEqual([1, 3, 5]);
  expect(filterRuns(runs, { host: 'db1' }, now)[0]?.hosts.map(({ host }) => host)).toEqual(['db1']);
  expect(numbersOf(filterRuns(runs, { command: 'maintenance' }, now))).toEqual([3]);
  expect(numbersOf(filterRuns(runs, { maxAgeMs: 2 * 3_600_000 }, now))).toEqual([0, 1, 2]);
  expect(filterRuns(runs, { host: 'db1', command: 'backup', maxAgeMs: 1_000 }, now)).toEqual([]);
});

test('a list of runs, with the hosts that failed and the records that cannot be read', () => {
  const [first, second] = runs;
  const { ended: _, ...killed } = { ...runOf([]), status: 'running' as const };
  const damaged = [{ id: '20261120_040000-00000000', problem: 'Cannot read it: it is not JSON.' }];
  expect(renderRuns([killed, ...[first, second].flatMap((run) => run ?? [])], damaged)).toEqual([
    'ID                        Command  Started                  Took   Status   Hosts           Failed hosts',
    '20261121_040000-0123abcd  backup   2026-11-21 04:00:00 UTC  -      no end   0 ok',
    '20261121_120000-00000000  backup   2026-11-21 12:00:00 UTC  0.0 s  success  1 ok',
    '20261121_110000-00000001  backup   2026-11-21 11:00:00 UTC  0.0 s  failed   1 ok, 1 FAILED  db1',
    '20261120_040000-00000000: DAMAGED: Cannot read it: it is not JSON.',
  ]);
});

test.each(['backup', 'maintenance', 'drill', 'restore'])('a run of %s can be shown', (command) => {
  const text = renderAnyRun(runOf([good, unreachable], [], command)).join('\n');
  expect(text).toMatch(new RegExp(`^Run 20261121_040000-0123abcd: ${command}, failed\n`));
  expect(text).toContain('The host key of db1:22');
});
