// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { chooseForDrill, chooseServices, longestWaitingFirst } from './drill-choice.ts';

const snapshots = ['old', 'middle', 'new', 'doubtful'].map((name, day) => ({
  id: `${name}0000`,
  time: `2026-11-1${day}T04:00:00.000Z`,
  tags: ['web1', name],
}));

/** Chances that come in this order. */
function chances(...numbers: readonly number[]) {
  const left = [...numbers];
  return () => left.shift() ?? 0;
}

const choose = (olderShare: number, ...numbers: readonly number[]) =>
  chooseForDrill(snapshots, { unproven: ['doubtful'], host: 'web1' }, { olderShare, chance: chances(...numbers) });

describe('of the snapshots', () => {
  test.each<[string, number, number[], string]>([
    ['the newest that was proven whole', 0.25, [0.25], 'new0000'],
    ['never an older one where that is not wanted', 0, [0], 'new0000'],
    ['the oldest', 0.25, [0.24, 0], 'old0000'],
    ['the last of the older ones', 0.25, [0.24, 0.999], 'middle0000'],
    ['always an older one where that is wanted', 1, [0.999, 0.4], 'old0000'],
  ])('%s', (_, share, numbers, id) => {
    expect(choose(share, ...numbers).snapshot.id).toBe(id);
  });

  test('it is said when it is an older one', () => {
    expect(choose(1, 0, 0).why).toBe('one of 2 older ones, chosen at random');
  });

  test('there has to be one, and one that was proven whole', () => {
    const how = { olderShare: 1, chance: () => 0 };
    expect(() => chooseForDrill([], { unproven: [], host: 'web1' }, how)).toThrow(/no snapshot of web1 yet/);
    const doubtful = { unproven: ['old'], host: 'web1' };
    expect(() => chooseForDrill(snapshots.slice(0, 1), doubtful, how)).toThrow(/was not proven whole/);
    expect(chooseForDrill(snapshots.slice(0, 2), doubtful, how).snapshot.id).toBe('middle0000');
  });
});

test('of the hosts, those that have waited longest come first, those that never had a drill before all', () => {
  const hosts = ['a', 'b', 'c', 'd'].map((hostname) => ({ hostname }));
  const last = new Map([
    ['a', { time: '2026-11-20T00:00:00.000Z' }],
    ['c', { time: '2026-11-19T00:00:00.000Z' }],
  ]);
  expect(longestWaitingFirst(hosts, last).map(({ hostname }) => hostname)).toEqual(['b', 'd', 'c', 'a']);
});

describe('of the services', () => {
  const services = [
    { name: 'a/small', bytes: 10, entries: 1 },
    { name: 'a/middle', bytes: 50, entries: 1 },
    { name: 'b/large', bytes: 1_000_000, entries: 3 },
  ];
  const amounts = { all: { bytes: 1_000_060, entries: 6 }, services };
  const pick = (maxBytes: number, room: number, ...numbers: readonly number[]) => {
    const choice = chooseServices(amounts, { maxBytes, room }, chances(...numbers));
    return choice.kind === 'some' ? [choice.forSpace, ...choice.services.map(({ name }) => name)] : choice;
  };

  test.each<[string, [number, number], number[], unknown]>([
    ['all, where there is room for all', [1_000_060, 2_000_000], [], { kind: 'all' }],
    ['as many as are allowed', [60, 2_000_000], [0.1, 0.2, 0.3], [false, 'a/small', 'a/middle']],
    ['in random order', [60, 2_000_000], [0.3, 0.2, 0.1], [false, 'a/middle', 'a/small']],
    [
      'the first that fits, and what fits beside it',
      [1_000_020, 2_000_000],
      [0.3, 0.2, 0.1],
      [false, 'b/large', 'a/small'],
    ],
    ['one that is larger than allowed, rather than none', [5, 2_000_000], [0.3, 0.2, 0.1], [false, 'b/large']],
    ['for the disk, only what fits', [2_000_000, 10_000], [0.3, 0.2, 0.1], [true, 'a/middle', 'a/small']],
    ['for the disk, only what fits together', [2_000_000, 8_000], [0.3, 0.2, 0.1], [true, 'a/middle']],
    ['nothing, where nothing fits', [2_000_000, 4_100], [], { kind: 'nothing', smallest: services[0] }],
  ])('%s', (_, limits, numbers, expected) => {
    expect(pick(...limits, ...numbers)).toEqual(expected);
  });

  test('those that chance would never come to are named', () => {
    const neverOf = (maxBytes: number, room: number) => {
      const choice = chooseServices(amounts, { maxBytes, room }, () => 0);
      return choice.kind === 'some' ? choice.never.map(({ name }) => name) : choice.kind;
    };
    expect(neverOf(60, 2_000_000)).toEqual(['b/large']);
    expect(neverOf(30, 2_000_000)).toEqual(['a/middle', 'b/large']);
    expect(neverOf(2_000_000, 10_000)).toEqual(['b/large']);
    // Each of them gets its turn where all are too large.
    expect(neverOf(5, 2_000_000)).toEqual([]);
    expect(neverOf(5, 10_000)).toEqual(['b/large']);
  });

  test('one that holds something rather than one that does not', () => {
    const empty = { name: 'c/empty', bytes: 0, entries: 1 };
    const choice = chooseServices({ ...amounts, services: [empty, ...services] }, { maxBytes: 5, room: 9e9 }, () => 0);
    expect(choice).toMatchObject({ kind: 'some', services: [{ name: 'a/small' }] });
  });

  test('a snapshot without services is restored whole or not at all', () => {
    const bare = { all: { bytes: 100, entries: 1 }, services: [] };
    expect(chooseServices(bare, { maxBytes: 10, room: 9_999 }, () => 0)).toEqual({ kind: 'all' });
    expect(chooseServices(bare, { maxBytes: 10, room: 99 }, () => 0)).toMatchObject({ kind: 'nothing' });
  });
});
