// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { absentIn, toBeCopied } from './missing.ts';

const day = (number: number, tag = `2026010${number}_010000`) => {
  return { id: `id-${number}-${tag}`, time: `2026-01-0${number}T01:00:00.000Z`, tags: ['web1', tag] };
};
const here = [1, 2, 3, 4].map((number) => day(number));

test('a copy is known by time and tags, in whatever order, not by its id', () => {
  const there = [{ ...day(1), id: 'other', tags: [...day(1).tags].reverse() }, day(3)];
  expect(absentIn(here, there)).toEqual([day(2), day(4)]);
  expect(absentIn(here, [day(1, 'another tag')])).toEqual(here);
});

test('without a policy of its own every gap is filled, oldest first', () => {
  expect(toBeCopied(here, [day(2)], { onlyNewer: false })).toEqual([day(1), day(3), day(4)]);
});

test('with a policy of its own only what came after its newest', () => {
  expect(toBeCopied(here, [day(2)], { onlyNewer: true })).toEqual([day(3), day(4)]);
  expect(toBeCopied(here, [], { onlyNewer: true })).toEqual(here);
  expect(toBeCopied(here, here, { onlyNewer: true })).toEqual([]);
  expect(toBeCopied([], [day(2)], { onlyNewer: true })).toEqual([]);
});

test('a snapshot from the future in the copy holds nothing up', () => {
  expect(toBeCopied(here, [day(2), day(9)], { onlyNewer: true })).toEqual([day(3), day(4)]);
});
