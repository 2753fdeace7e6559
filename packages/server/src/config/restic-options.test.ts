// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { refusedBackupOptions, refusedCheckOptions, saysWhatToRead, wantsMaxCompression } from './restic-options.ts';

test.each([
  '-n',
  '-nv',
  '--dry-run',
  '--host=x',
  '-Hx',
  '-r/x',
  '--time',
  '--tag',
  '--parent=x',
  '--force',
  '--stdin',
  '--no-lock',
  '--skip-if-unchanged',
])('backup option %s is refused', (word) => {
  expect(refusedBackupOptions(['--verbose', word])).toHaveLength(1);
});

test('ordinary backup options are allowed', () => {
  const words = ['--verbose', '-v', '--exclude=*.tmp', '--exclude-caches', '--one-file-system', '-x'];
  expect(refusedBackupOptions([...words, '--limit-upload=100', '--read-concurrency', '4'])).toEqual([]);
});

test('maximum compression is seen in both spellings', () => {
  expect(wantsMaxCompression(['--compression', 'max'])).toBe(true);
  expect(wantsMaxCompression(['--compression=max'])).toBe(true);
  expect(wantsMaxCompression(['--compression', 'auto', '--tag', 'max'])).toBe(false);
});

test.each([
  [[], []],
  [['--read-data-subset', '10%'], []],
  [['--read-data-subset=10%', '-v', '-q'], []],
  [['--read-data', '--limit-download', '1000', '--no-cache', '-o', 'sftp.args=-p 2222'], []],
  [['--no-lock'], ['--no-lock']],
  [['--check-unused', '--read-data'], ['--check-unused']],
  [['--read-data=yes'], ['--read-data=yes']],
  [
    ['-r', '/other'],
    ['-r', '/other'],
  ],
  [['--read-data-subset'], ['--read-data-subset']],
  [['--read-data-subset', '--no-lock'], ['--no-lock']],
  [
    ['--limit-download', '-o', '--no-lock'],
    ['-o', '--no-lock'],
  ],
  [['--json'], ['--json']],
  [['stray'], ['stray']],
])('check options %j: refused are %j', (words, refused) => {
  expect(refusedCheckOptions(words)).toEqual(refused);
});

test('options that say what is read are known in every spelling', () => {
  expect(saysWhatToRead(['-v', '--read-data'])).toBe(true);
  expect(saysWhatToRead(['--read-data-subset=10%'])).toBe(true);
  expect(saysWhatToRead(['--read-data-subset', '10%'])).toBe(true);
  expect(saysWhatToRead(['-v', '--no-cache'])).toBe(false);
});
