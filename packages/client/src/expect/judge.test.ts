// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOf, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { describe, expect, it } from 'vitest';
import { type Evidence, judge } from './judge.ts';
import { expectations } from './options.ts';
import { createTally } from './tally.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const evidence: Evidence = {
  saved: { bytes: 1000, files: 1, newestNs: BigInt(NOW.getTime() - 3_600_000) * 1_000_000n, unmatched: [] },
  tables: new Map([
    ['shop.public.orders', 5],
    ['shop.public.notes', undefined],
  ]),
  bytesBefore: 2000,
  file: '/var/lib/backup-client/sizes/web+shop+x.json',
  now: NOW,
};

const missesOf = (expect: object, changed: Partial<Evidence> = {}) =>
  judge(expectations.parse(expect), { ...evidence, ...changed });

it.each([
  [{ min_bytes: 1000 }, 0],
  [{ min_bytes: 1001 }, 1],
  [{ max_age: '1h' }, 0],
  [{ max_age: '59m' }, 1],
  [{ max_shrink: '50%' }, 0],
  [{ max_shrink: '49.9%' }, 1],
  [{ max_shrink: '0%' }, 1],
  [{ tables: ['orders', 'public.notes', 'shop.public.orders'] }, 0],
  [{ tables: ['order', 'ders', 'public'] }, 3],
  [{ min_rows: { orders: 5 } }, 0],
  [{ min_rows: { orders: 6, notes: 1, customers: 1 } }, 3],
])('%o: %i misses', (expected, count) => {
  expect(missesOf(expected)).toHaveLength(count);
});

it('a clock that is a little wrong makes nothing old; a file of the far future says nothing about age', () => {
  const savedIn = (milliseconds: number) => {
    return { saved: { ...evidence.saved, newestNs: BigInt(NOW.getTime() + milliseconds) * 1_000_000n } };
  };
  expect(missesOf({ max_age: '1s' }, savedIn(3_600_000))).toEqual([]);
  expect(missesOf({ max_age: '1s' }, savedIn(3e11))[0]).toMatch(/the newest is dated .* in the future/);
  expect(missesOf({ max_age: '1s' }, savedIn(8e15))).toHaveLength(1);
});

it('tables of a task that tells of none are missed', () => {
  expect(missesOf({ tables: ['a'] }, { tables: undefined })).toEqual([
    'tables: expected tables, but this task tells of none: it saves no database.',
  ]);
});

it('what can never be refused is no comparison: nothing was there before, or nobody knows', () => {
  expect(missesOf({ max_shrink: '1%' }, { bytesBefore: 0 })).toEqual([]);
  expect(missesOf({ max_shrink: '1%' }, { bytesBefore: undefined })).toEqual([]);
});

it('names are made printable', () => {
  const saved = { ...evidence.saved, unmatched: ['a\nb'] };
  expect(missesOf({ min_rows: { 'x\ny': 1 } }, { saved }).join()).not.toContain('\n');
});

describe('the tally', () => {
  const entry = (path: BytePath, type: Entry['type'] = 'file', size = 10): Entry => {
    return { path, type, mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 5n };
  };
  const tallyOf = (patterns: string[], paths: readonly BytePath[]) => {
    const tally = createTally(patterns);
    for (const path of paths) tally.add(entry(path), path);
    return tally.saved();
  };

  it.each([
    ['*.sql', 'command/shop.sql', true],
    ['/etc/fstab', 'data/etc/fstab', true],
    ['/data/etc/fstab', 'data/etc/fstab', true],
    ['etc/fstab', 'data/etc/fstab', true],
    ['/fstab', 'data/etc/fstab', false],
    ['/etc/**', 'data/etc/a/b', true],
    ['/etc/*', 'data/etc/a/b', false],
    ['caf\u00e9', 'data/caf\u00e9', true],
    ['[', 'data/x', false],
  ])('%s in %s: %s', (pattern, path, isThere) => {
    expect(tallyOf([pattern], [bytePathOfText(path)]).unmatched).toEqual(isThere ? [] : [pattern]);
  });

  it('adds up files, and takes any bytes in a name', () => {
    const odd = bytePathOf(Buffer.from([0x61, 0xff]));
    expect(tallyOf(['a*'], [odd, bytePathOfText('b')])).toEqual({ bytes: 20, files: 2, newestNs: 5n, unmatched: [] });
    const tally = createTally([]);
    tally.add(entry(odd, 'directory', 0), odd);
    expect(tally.saved()).toEqual({ bytes: 0, files: 0, newestNs: undefined, unmatched: [] });
  });
});
