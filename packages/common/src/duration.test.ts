// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { checkDuration, formatDuration, parseDuration } from './duration.ts';

it.each([
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['120', 120_000],
  [120, 120_000],
  [0, 0],
])('reads %j', (value, milliseconds) => {
  expect(checkDuration(value)).toBeUndefined();
  expect(parseDuration(value)).toBe(milliseconds);
});

it.each(['', 'soon', '5 minutes', '-5s', '1h30', '1x', -1, Number.NaN])('refuses %j', (value) => {
  expect(checkDuration(value)).toContain('must be a time');
  expect(() => parseDuration(value)).toThrow('must be a time');
});

it.each([
  [0, '0s'],
  [250, '250ms'],
  [5_400_000, '1h30m'],
  [694_861_001, '1w1d1h1m1s1ms'],
])('prints %d as %s, which can be read back', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
  expect(parseDuration(text)).toBe(milliseconds);
});
