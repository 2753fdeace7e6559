// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import { expect, it } from 'vitest';
import { endingKind, endingOf, isPacked, withoutEnding } from './endings.ts';

it.each([
  ['a/b.TXT', 'txt', 'a/b'],
  ['a.d/b', '', undefined],
  ['a/.profile', '', undefined],
  ['.profile', '', undefined],
  ['a.tar.gz', 'gz', 'a.tar'],
  ['a.', '', 'a'],
  [`a.${'x'.repeat(250)}`, 'x'.repeat(32), 'a'],
])('%s', (path, ending, rest) => {
  expect(endingOf(bytePathOfText(path))).toBe(ending);
  expect(withoutEnding(bytePathOfText(path))).toBe(rest);
});

it('takes dates and counters for one kind', () => {
  expect(endingKind('log-20261121')).toBe('log-#');
  expect(endingKind('1')).toBe(endingKind('42'));
  expect(endingKind('txt')).toBe('txt');
});

it('knows what is compressed already', () => {
  expect(['jpg', 'gz', 'mp4', '7z', 'txt', 'sql', '', 'locked'].filter(isPacked)).toEqual(['jpg', 'gz', 'mp4', '7z']);
});
