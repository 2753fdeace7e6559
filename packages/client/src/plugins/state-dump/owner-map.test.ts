// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { ownerMap, parseIdMap } from './owner-map.ts';

const ROOTLESS = parseIdMap('         0       1005          1\n         1     165536      65536\n');

it('the users of containers are what they are inside, and others the fallback', () => {
  expect(ROOTLESS).toEqual([
    { inside: 0, outside: 1005, count: 1 },
    { inside: 1, outside: 165_536, count: 65_536 },
  ]);
  const { text, foreign } = ownerMap([1005, 165_536, 166_534, 0, 231_072, 0], ROOTLESS, 0);
  expect(text).toBe('+1005 +0\n+165536 +1\n+166534 +999\n+0 +0\n+231072 +0\n');
  expect(foreign).toEqual([0, 231_072]);
});
