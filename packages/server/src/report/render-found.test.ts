// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import type { Item } from '../stores/history.ts';
import { foldVersions, renderVersions } from './render-found.ts';

const snapshots = ['1', '2', '3', '4'].map((digit) => ({
  ...{ id: digit.repeat(64), time: `2026-11-0${digit}T03:00:00.000Z`, tags: [] },
}));

function item(path: string, size: number, mtime = '2026-10-01T00:00:00Z'): Item {
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size, mtime };
}

const found = [
  // As restic gives them: in any order, and those of snapshots that are gone by now.
  { snapshot: snapshots[3]?.id ?? '', items: [item('b', 2), item('a', 1)] },
  { snapshot: snapshots[0]?.id ?? '', items: [item('a', 1)] },
  { snapshot: snapshots[1]?.id ?? '', items: [item('a', 1, '2026-10-02T00:00:00Z')] },
  { snapshot: '9'.repeat(64), items: [item('a', 9)] },
];

it('each version counts once, with the first and the last snapshot that hold it', () => {
  expect(foldVersions('web1', found, snapshots)).toMatchObject([
    { host: 'web1', path: 'a', size: 1, snapshots: 2, first: { id: '1'.repeat(64) }, last: { id: '4'.repeat(64) } },
    { path: 'a', mtime: '2026-10-02T00:00:00Z', snapshots: 1, first: { id: '2'.repeat(64) } },
    { path: 'b', size: 2, snapshots: 1, first: { id: '4'.repeat(64) } },
  ]);
});

it('for people each path is told once', () => {
  expect(renderVersions(foldVersions('web1', found, snapshots))).toEqual([
    'web1: a',
    '  -rw-r--r--         1 B  2026-10-01 00:00:00  in 2 snapshots: 11111111 (2026-11-01 03:00:00 UTC) to 44444444 (2026-11-04 03:00:00 UTC)',
    '  -rw-r--r--         1 B  2026-10-02 00:00:00  in 1 snapshot: 22222222 (2026-11-02 03:00:00 UTC)',
    'web1: b',
    '  -rw-r--r--         2 B  2026-10-01 00:00:00  in 1 snapshot: 44444444 (2026-11-04 03:00:00 UTC)',
  ]);
});
