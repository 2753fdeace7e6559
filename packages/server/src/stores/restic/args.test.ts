// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { backupArgs, lockArgs, refusedBackupOptions, restoreArgs, wantsMaxCompression } from './args.ts';

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

test.each([
  '-n',
  '-nv',
  '--dry-run',
  '--host=x',
  '-Hx',
  '-r/x',
  '--time',
  '--stdin',
  '--no-lock',
  '--skip-if-unchanged',
])('backup option %s is refused', (word) => {
  expect(refusedBackupOptions(['--verbose', word])).toHaveLength(1);
});

test('ordinary backup options are allowed', () => {
  const words = ['--verbose', '-v', '--exclude=*.tmp', '--exclude-caches', '--tag', 'extra', '--one-file-system', '-x'];
  expect(refusedBackupOptions([...words, '--limit-upload=100', '--read-concurrency', '4'])).toEqual([]);
});

test('maximum compression is seen in both spellings', () => {
  expect(wantsMaxCompression(['--compression', 'max'])).toBe(true);
  expect(wantsMaxCompression(['--compression=max'])).toBe(true);
  expect(wantsMaxCompression(['--compression', 'auto', '--tag', 'max'])).toBe(false);
});
