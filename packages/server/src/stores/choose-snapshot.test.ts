// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { chooseSnapshot } from './choose-snapshot.ts';

const snapshots = ['0123456789ab', '0123456711cd', 'ffff00001111'].map((id) => ({ id, time: '', tags: [] }));
const choose = (wanted: string) => chooseSnapshot(snapshots, wanted, 'web1').id;

test('a whole id or a beginning that only one snapshot has', () => {
  expect(choose('ffff00001111')).toBe('ffff00001111');
  expect(choose('ffff0000')).toBe('ffff00001111');
  expect(choose('012345678')).toBe('0123456789ab');
});

test.each(['', 'ffff', 'latest', 'ffff0000111122', '01234567'])('%j is refused', (wanted) => {
  expect(() => choose(wanted)).toThrow(/napshot of web1 has the id/);
});
