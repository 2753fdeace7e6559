// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { backupArgs, lockArgs, restoreArgs } from './args.ts';

const backup = { host: 'web1', stamp: '20260101_010000', options: [], dryRun: false, readAll: false };

test('a backup names host and tags, and saves the working directory', () => {
  expect(backupArgs(backup).join(' ')).toBe(
    'backup --json --host web1 --tag web1 --tag 20260101_010000 --ignore-inode .',
  );
});

test('words of the configuration come before the directory', () => {
  const args = backupArgs({ ...backup, options: ['--exclude-caches'], dryRun: true, readAll: true, parent: 'abc' });
  expect(args.slice(-6)).toEqual(['--dry-run', '--force', '--parent', 'abc', '--exclude-caches', '.']);
});

test('options of newer versions are left out for old ones', () => {
  const restore = { snapshot: 'abc', target: '/t', verify: true };
  expect(restoreArgs([0, 14, 0], restore)).toEqual(['restore', 'abc', '--target', '/t', '--verify']);
  expect(restoreArgs([0, 18, 0], restore)).toContain('--sparse');
  expect(lockArgs([0, 14, 0], 60_000)).toEqual([]);
  expect(lockArgs([0, 18, 0], 60_000)).toEqual(['--retry-lock', '60s']);
  expect(lockArgs([0, 18, 0], 0)).toEqual([]);
});
