// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { checkBytes, formatBytes, parseBytes } from './bytes.ts';

it.each([
  [1_024, 1_024],
  ['1024', 1_024],
  ['12 B', 12],
  ['500M', 524_288_000],
  ['500m', 524_288_000],
  ['20GiB', 21_474_836_480],
  ['20GB', 20_000_000_000],
  ['1.5 KiB', 1_536],
])('reads %j', (value, bytes) => {
  expect(checkBytes(value)).toBeUndefined();
  expect(parseBytes(value)).toBe(bytes);
});

it.each(['', 'big', '5 XB', '-1', '1iB', '10000000PiB', -1, 1.5])('refuses %j', (value) => {
  expect(checkBytes(value)).toContain('must be a size');
  expect(() => parseBytes(value)).toThrow('must be a size');
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [1_048_575, '1 MiB'],
  [21_474_836_480, '20 GiB'],
  [2 ** 60, '1024 PiB'],
])('prints %d as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
