// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { has, requireVersion } from './version.ts';

test.each([
  ['restic 0.14.0 compiled with go1.19.8 on linux/amd64\n', [0, 14, 0]],
  ['restic 0.18.0 compiled with go1.24.4 on linux/amd64\n', [0, 18, 0]],
  ['restic 0.18.1-dev (compiled manually) compiled with go1.25 on linux/arm64\n', [0, 18, 1]],
  ['restic 1.2 compiled with go9 on linux/amd64\n', [1, 2, 0]],
])('reads %j', (output, version) => {
  expect(requireVersion(output, 'restic')).toEqual(version);
});

test('what is too old or no restic at all is refused', () => {
  expect(() => requireVersion('restic 0.13.1 compiled with go1.18', '/opt/restic')).toThrow(
    /\/opt\/restic is restic 0.13.1/,
  );
  expect(() => requireVersion('', 'restic')).toThrow(/is not restic/);
  expect(() => requireVersion('tar (GNU tar) 1.34', 'tar')).toThrow(/is not restic/);
});

test('features begin with their version', () => {
  expect(has([0, 15, 9], 'retryLock')).toBe(false);
  expect(has([0, 16, 0], 'retryLock')).toBe(true);
  expect(has([0, 17, 0], 'exitCodes')).toBe(false);
  expect(has([0, 17, 1], 'exitCodes')).toBe(true);
  expect(has([1, 0, 0], 'safeMaxCompression')).toBe(true);
});
