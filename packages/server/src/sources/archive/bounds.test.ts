// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manifest } from '@local-backup/common/manifest';
import { expect, test } from 'vitest';
import { requireWithinBounds, spaceForFile, spaceForTree } from './bounds.ts';

const MIB = 1024 ** 2;
const BOUNDS = { maxArchiveBytes: 100 * MIB, maxUnpackedBytes: 500 * MIB, maxEntries: 1000 };

function promise(totals: Partial<Manifest['totals']>, listBytes = 1000): Manifest {
  const entryList = { name: 'x', bytes: listBytes, sha256: '' };
  return { totals: { files: 1, entries: 10, bytes: 1000, ...totals }, entryList } as Manifest;
}

test('what is within the bounds passes', () => {
  expect(() => requireWithinBounds(100 * MIB, promise({ bytes: 500 * MIB, entries: 1000 }), BOUNDS)).not.toThrow();
  expect(() => requireWithinBounds(100 * MIB, undefined, BOUNDS)).not.toThrow();
});

test.each([
  ['the archive', 100 * MIB + 1, promise({}), /raise max_archive_size/],
  ['what it unpacks to', 1, promise({ bytes: 500 * MIB + 1 }), /raise max_unpacked_size/],
  ['the number of entries', 1, promise({ entries: 1001 }), /raise max_entries/],
  ['the entry list', 1, promise({}, 10 * MIB), /far too much for 10 entries/],
])('refuses where too large: %s', (_, bytes, manifest, message) => {
  expect(() => requireWithinBounds(bytes, manifest, BOUNDS)).toThrow(message);
});

test('a reserve of 5 % and at least 64 MiB stays free', () => {
  expect(spaceForFile(0)).toBe(64 * MIB);
  expect(spaceForFile(100 * 1024 * MIB)).toBe(105 * 1024 * MIB);
  expect(spaceForTree(0, 1024)).toBe(68 * MIB);
});
