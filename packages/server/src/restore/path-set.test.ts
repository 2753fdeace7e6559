// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import { expect, test } from 'vitest';
import { PathSet } from './path-set.ts';

test('holds what was added, each once, however many', () => {
  const set = new PathSet();
  const path = (n: number) => bytePathOfText(`directory/${n}/file`);
  for (let n = 0; n < 20_000; n += 1) set.add(path(n));
  for (let n = 0; n < 20_000; n += 2) set.add(path(n));
  expect(set.size).toBe(20_000);
  const missing = Array.from({ length: 20_000 }, (_, n) => n).filter((n) => !set.has(path(n)));
  expect(missing).toEqual([]);
  const wrong = Array.from({ length: 20_000 }, (_, n) => n + 20_000).filter((n) => set.has(path(n)));
  expect(wrong).toEqual([]);
});
