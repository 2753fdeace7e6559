// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { chooseLogLevel, logLevel } from './log-level.ts';

it.each([
  [true, 'error', 'warn', 'debug'],
  [false, 'error', 'warn', 'error'],
  [false, undefined, 'warn', 'warn'],
  [false, undefined, undefined, 'info'],
] as const)('-v %s, YAML %s, common_config %s: %s', (verbose, yaml, common, level) => {
  expect(chooseLogLevel({ verbose, yaml, common })).toBe(level);
});

it('is a number from 0 to 3 in YAML', () => {
  expect([0, 1, 2, 3].map((number) => logLevel.parse(number))).toEqual(['error', 'warn', 'info', 'debug']);
  for (const other of [-1, 4, 1.5, '2', 'debug']) expect(logLevel.safeParse(other).success).toBe(false);
});
