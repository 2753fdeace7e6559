// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import type { Item } from '../stores/history.ts';
import { modeText, renderItem } from './render-items.ts';

const item: Item = {
  ...{ path: 'web/shop', type: 'file', mode: 0o644, uid: 33, gid: 33, size: 1_234_567 },
  mtime: '2026-11-20T04:00:00.123456789+01:00',
};

it.each([
  ['file', 0o644, '-rw-r--r--'],
  ['directory', 0o1777, 'drwxrwxrwt'],
  ['file', 0o4750, '-rwsr-x---'],
  ['file', 0o6644, '-rwSr-Sr--'],
  ['symlink', 0o777, 'lrwxrwxrwx'],
  ['fifo', 0, 'p---------'],
] as const)('%s %o is %s', (type, mode, text) => {
  expect(modeText({ type, mode })).toBe(text);
});

it('a line tells all of an item, in UTC, and its name can do no harm', () => {
  expect(renderItem(item)).toBe('-rw-r--r--  33:33             1,234,567  2026-11-20 03:00:00  web/shop');
  const odd = { ...item, path: 'new\n\x1b[2Jline\\', mtime: 'never' };
  expect(renderItem(odd)).toMatch(/ \? {18,} {2}new\\n\\x1b\[2Jline\\\\$/);
  expect(renderItem({ ...item, type: 'directory' })).toMatch(/ web\/shop\/$/);
});
