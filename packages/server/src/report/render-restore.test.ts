// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { describeSelection, renderVerified } from './render-restore.ts';

const verified = { entries: 1_234, files: 1_000, bytes: 5_000_000, differences: [], differenceCount: 0, uncompared: 0 };

it('what is restored', () => {
  const measured = { entries: 1_234, bytes: 5_000_000, needed: 6_000_000, top: [] };
  expect(describeSelection({ include: [] }, measured)).toBe('Restoring everything: 1,234 entries, 4.8 MiB');
  expect(describeSelection({ include: ['a', '\x1b'] }, undefined)).toBe(String.raw`Restoring a, \x1b`);
});

it('what the comparison found: nothing, or every difference that is known', () => {
  expect(renderVerified('/to', verified)).toEqual([
    'Verified: 1,234 entries compared with the list that was saved with them, 1,000 files (4.8 MiB) read again: no differences.',
  ]);
  const differences = [{ path: 'web/a', what: 'is missing' }];
  const lines = renderVerified('/to', { ...verified, differences, differenceCount: 3, uncompared: 2 });
  expect(lines[0]).toMatch(/^NOT as it was saved: .*: 3 differences\.$/);
  expect(lines.slice(1, 3)).toEqual(['  - web/a: is missing', '  and 2 more']);
  expect(lines[3]).toContain('Not compared: the content of 2 second names');
  expect(lines[4]).toMatch(/^What is in \/to is NOT right or not complete\./);
});
