// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { ENTRY_TYPES, type EntryType } from '@local-backup/common/entry';
import { expect, test } from 'vitest';
import { createPathIndex } from './path-index.ts';

test('remembers each of many paths with its kind, and no other', () => {
  const index = createPathIndex(Buffer.alloc(16, 1));
  const path = (number: number) => `web/shop/${number}` as BytePath;
  const kind = (number: number) => ENTRY_TYPES[number % ENTRY_TYPES.length] as EntryType;
  for (let number = 0; number < 20_000; number++) index.add(path(number), kind(number));
  for (let number = 0; number < 20_000; number++) expect(index.kindOf(path(number))).toBe(kind(number));
  for (let number = 20_000; number < 40_000; number++) expect(index.kindOf(path(number))).toBeUndefined();
});
