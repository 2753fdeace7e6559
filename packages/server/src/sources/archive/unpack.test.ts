// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { describeMessages } from './unpack.ts';

const LOST = "tar: setxattrat: Cannot set 'trusted.foo' extended attribute for file './d/f': Operation not permitted";

test('lost attributes become one warning that names them', () => {
  expect(describeMessages([LOST, LOST.replace('./d/f', './g')])).toEqual([
    expect.stringMatching(/'trusted\.foo' of '\.\/d\/f'; 'trusted\.foo' of '\.\/g'\.$/),
  ]);
});

test('of many only some are named', () => {
  expect(describeMessages(Array<string>(20).fill(LOST)).join()).toMatch(/; and 15 more\.$/);
});

test('everything else that tar says is passed on, made printable', () => {
  expect(describeMessages(['tar: something \x1b[31m odd'])).toEqual(['tar reported: tar: something \\x1b[31m odd.']);
  expect(describeMessages([])).toEqual([]);
});
