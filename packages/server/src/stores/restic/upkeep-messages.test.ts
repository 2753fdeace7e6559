// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { parseLock, parseSize, parseVerdicts } from './upkeep-messages.ts';

const id = (digit: string) => digit.repeat(64);
const snapshot = (time: string) => ({ time, tree: id('e'), paths: ['/live'], hostname: 'web1', username: 'root' });
const listed = (digit: string, time: string) => ({ ...snapshot(time), id: id(digit), short_id: digit.repeat(8) });
const MONDAY = '2026-01-05T10:00:00.123456789Z';
const SUNDAY = '2026-01-04T10:00:00Z';

/** As 0.14 and 0.18 print it, shortened; 0.18 leaves out the counters. */
const GROUP = {
  ...{ tags: null, host: 'web1', paths: null },
  keep: [listed('b', MONDAY)],
  remove: [listed('a', SUNDAY)],
  reasons: [{ snapshot: snapshot(MONDAY), matches: ['last snapshot', 'daily snapshot'], counters: { last: 1 } }],
};
const parse = (...groups: readonly object[]) => parseVerdicts(['prose', JSON.stringify(groups)], 'web1');

describe('restic forget --dry-run --json', () => {
  test('each snapshot with its reasons', () => {
    expect(parse(GROUP)).toEqual([
      { id: id('b'), reasons: ['last snapshot', 'daily snapshot'] },
      { id: id('a'), reasons: [] },
    ]);
    expect(parse({ ...GROUP, remove: null })).toHaveLength(1);
  });

  test('nothing at all, an empty list and empty lines are no snapshots', () => {
    expect(parseVerdicts([], 'web1')).toEqual([]);
    expect(parseVerdicts(['', ' '], 'web1')).toEqual([]);
    expect(parseVerdicts(['[]'], 'web1')).toEqual([]);
  });

  test.each<[string, () => unknown]>([
    ['prose', () => parseVerdicts(['Applying Policy: keep 2 latest snapshots'], 'web1')],
    ['half a list', () => parseVerdicts(['[{"tags":null'], 'web1')],
    ['another host', () => parse({ ...GROUP, host: 'db1' })],
    ['groups by more than the host', () => parse(GROUP, GROUP)],
    ['kept without a reason', () => parse({ ...GROUP, reasons: null })],
    ['kept for no reason', () => parse({ ...GROUP, reasons: [{ snapshot: snapshot(MONDAY), matches: [] }] })],
    ['the reason of another one', () => parse({ ...GROUP, reasons: [{ snapshot: snapshot(SUNDAY), matches: ['x'] }] })],
    ['a short id', () => parse({ ...GROUP, remove: [{ ...listed('a', SUNDAY), id: 'aaaaaaaa' }] })],
  ])('%s is nothing to go by', (_name, parsed) => {
    expect(parsed()).toBeUndefined();
  });
});

test('a lock, as both versions print it', () => {
  const printed =
    '{\n  "time": "2026-11-21T14:41:19.783892369+01:00",\n  "exclusive": true,\n  "hostname": "vm",\n  "username": "root",\n  "pid": 571\n}\n';
  const lock = { time: '2026-11-21T13:41:19.783Z', exclusive: true, hostname: 'vm', username: 'root', pid: 571 };
  expect(parseLock(printed)).toEqual(lock);
  expect(parseLock(`repository 0123 opened\n${printed}`)).toEqual(lock);
  expect(parseLock(printed.replace('vm', 'v\\u001b[2Jm'))?.hostname).not.toContain('\u001b');
  expect(parseLock('')).toBeUndefined();
  expect(parseLock(printed.replace('571', '0'))).toBeUndefined();
  expect(parseLock(printed.replace('2026-11', 'x'))).toBeUndefined();
});

test('the size, as both versions print it', () => {
  expect(parseSize('{"total_size":294,"total_file_count":0,"total_blob_count":2,"snapshots_count":5}\n')).toBe(294);
  expect(parseSize('prose\n{"total_size":0,"total_uncompressed_size":0,"compression_ratio":1.4}\n')).toBe(0);
  expect(parseSize('{"total_size":-1}')).toBeUndefined();
  expect(parseSize('')).toBeUndefined();
});
