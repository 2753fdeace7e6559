// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { directoryEntry, isFileMode, parentsOf, spoolPath } from './names.ts';

test('spoolPath joins names below the spool', () => {
  expect(spoolPath('/var/spool/backup', 'a.tar.gz')).toBe('/var/spool/backup/a.tar.gz');
  expect(spoolPath('/', 'done/.a.partial')).toBe('/done/.a.partial');
});

test.each(['..', 'a/../b', '/a', 'a/', './a', '', 'a\0', 'a\u202eb', 'a\ufffdb', 'x'.repeat(256)])(
  'spoolPath refuses %j',
  (name) => {
    expect(() => spoolPath('/spool', name)).toThrow(expect.objectContaining({ code: 'untrusted' }));
  },
);

test('parentsOf names the directories from the outside in', () => {
  expect(parentsOf('a')).toEqual([]);
  expect(parentsOf('a/b/c')).toEqual(['a', 'a/b']);
});

test.each([
  [0o100640, 'file'],
  [0o042770, 'directory'],
  [0o120777, 'other'],
  [0o010600, 'other'],
  [undefined, 'other'],
])('directoryEntry takes mode %o for %s', (mode, type) => {
  expect(directoryEntry('a', { mode, size: 5, mtime: 7 })).toEqual({ name: 'a', type, size: 5, mtime: 7 });
});

test.each([
  ['../etc/passwd', '..\\x2fetc\\x2fpasswd'],
  ['a\nb', 'a\\nb'],
  ['\u001b]0;x', '\\x1b]0;x'],
  ['a\\nb', 'a\\\\nb'],
])('directoryEntry makes the name %j harmless', (name, shown) => {
  expect(directoryEntry(name, { mode: 0o100644 })).toMatchObject({ name: shown, type: 'other' });
});

test('directoryEntry does not repeat a size that is no size', () => {
  expect(directoryEntry('a', { mode: 0o100644, size: 2 ** 60 }).size).toBe(0);
});

test('isFileMode knows a plain file only', () => {
  expect(isFileMode(0o100600)).toBe(true);
  expect(isFileMode(0o040700)).toBe(false);
  expect(isFileMode(undefined)).toBe(false);
});
