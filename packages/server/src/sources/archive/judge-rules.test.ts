// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry, EntryType } from '@local-backup/common/entry';
import { describe, expect, test } from 'vitest';
import { complainAbout } from './judge-rules.ts';

const BEFORE: Readonly<Record<string, EntryType>> = {
  d: 'directory',
  'd/sub': 'directory',
  'd/file': 'file',
  'd/link': 'symlink',
  'd/pipe': 'fifo',
};

function complain(path: string, type: EntryType = 'file', link?: string): string | undefined {
  const kindOf = (other: BytePath) => BEFORE[other];
  const base = { path: bytePathOfText(path), type, mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n };
  const entry: Entry = link === undefined ? base : { ...base, link: bytePathOfText(link) };
  return complainAbout(entry, { kindOf });
}

describe('lets pass', () => {
  test.each<[string, EntryType, string?]>([
    ['.', 'directory'],
    ['top', 'directory'],
    ['top-level file', 'file'],
    ['d/sub/new\nline', 'file'],
    ['d/..x', 'file'],
    ['d/...', 'directory'],
    [`d/${'n'.repeat(255)}`, 'file'],
    ['d/fifo', 'fifo'],
    ['d/to-etc', 'symlink', '/etc/passwd'],
    ['d/up', 'symlink', '../../..'],
    ['d/second', 'hardlink', 'd/file'],
    ['d/second-link', 'hardlink', 'd/link'],
    ['.backups', 'directory'],
    ['d/.backup', 'directory'],
  ])('%j as %s', (path, type, link) => {
    expect(complain(path, type, link)).toBeUndefined();
  });
});

describe('refuses', () => {
  test.each<[string, EntryType, RegExp, string?]>([
    ['/etc/passwd', 'file', /absolute/],
    ['d/../x', 'file', /"\.\."/],
    ['..', 'directory', /"\.\."/],
    ['d//x', 'file', /empty component/],
    ['d/./x', 'file', /empty component/],
    ['', 'file', /empty/],
    ['d/nul\0', 'file', /NUL/],
    [`d/${'n'.repeat(256)}`, 'file', /more than 255 bytes/],
    ['.', 'file', /root/],
    ['.backup', 'directory', /keeps for itself/],
    ['.backup/entries.gz', 'file', /keeps for itself/],
    ['d/null', 'character', /character device/],
    ['d/sda', 'block', /block device/],
    ['d/file', 'file', /twice/],
    ['d/sub', 'directory', /twice/],
    ['never/x', 'file', /before the directory/],
    ['d/link/x', 'file', /beneath a symlink/],
    ['d/file/x', 'file', /beneath a file/],
    ['d/s', 'symlink', /without a target/],
    ['d/h', 'hardlink', /without a target/],
    ['d/h', 'hardlink', /did not come before/, 'd/later'],
    ['d/h', 'hardlink', /did not come before/, 'd/h'],
    ['d/h', 'hardlink', /directory/, 'd/sub'],
    ['d/h', 'hardlink', /absolute/, '/etc/shadow'],
    ['d/h', 'hardlink', /"\.\."/, '../etc/shadow'],
    ['d/h', 'hardlink', /did not come before/, 'd/link/shadow'],
  ])('%j as %s', (path, type, complaint, link) => {
    expect(complain(path, type, link)).toMatch(complaint);
  });
});
