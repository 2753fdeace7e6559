// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { didYouMean, editDistance, suggest } from './suggest.ts';

const keys = ['admin_email', 'keep_days', 'hostname', 'mail', 'port'];

it.each([
  ['keep_day', 'keep_days'],
  ['kepe_days', 'keep_days'],
  ['admin-email', 'admin_email'],
  ['adminEmail', 'admin_email'],
  ['HOSTNAME', 'hostname'],
  ['prt', 'port'],
])('%s was probably meant to be %s', (word, expected) => {
  expect(suggest(word, keys)).toBe(expected);
});

it.each(['x', 'restic_password', ''])('%j is like nothing', (word) => {
  expect(suggest(word, keys)).toBeUndefined();
  expect(didYouMean(word, keys)).toBe('');
});

it.each([
  ['', '', 0],
  ['abc', '', 3],
  ['abc', 'abd', 1],
  ['abc', 'acb', 1],
  ['kitten', 'sitting', 3],
])('distance of %j and %j is %d', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});
