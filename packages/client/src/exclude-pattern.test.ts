// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { checkExcludePattern, escapeExcludePattern, toTarPattern } from './exclude-pattern.ts';

describe('checkExcludePattern', () => {
  it.each(['*.tmp', '/var/log', 'cache/', '/var/**', '**/node_modules', 'a/b', '-rf', '[ab]?', 'a\\*b', 'ü', '+x'])(
    'takes %s',
    (pattern) => expect(checkExcludePattern(pattern)).toBeUndefined(),
  );

  it.each([
    ['', 'must name something'],
    ['/', 'must name something'],
    ['a\0b', 'NUL'],
    ['+ a', 'rules of rsync'],
    ['- a', 'rules of rsync'],
    ['!', 'rules of rsync'],
    ['a/***', '"***"'],
    ['**/*.tmp', 'must not mix'],
    ['a**b?', 'must not mix'],
    ['**/[ab]', 'must not mix'],
    ['a//b', '"//"'],
    ['../a', '".."'],
    ['a/./b', '"."'],
    ['..', '".."'],
    ['a\\', 'backslash'],
  ])('refuses %j', (pattern, complaint) => expect(checkExcludePattern(pattern)).toContain(complaint));
});

describe('toTarPattern', () => {
  it.each([
    ['*.tmp', { pattern: '*.tmp', anchored: false, wildcardsMatchSlash: false }],
    ['a/b', { pattern: 'a/b', anchored: false, wildcardsMatchSlash: false }],
    ['/var/log', { pattern: './var/log', anchored: true, wildcardsMatchSlash: false }],
    ['cache/', { pattern: 'cache/*', anchored: false, wildcardsMatchSlash: false }],
    ['/var/**', { pattern: './var/*', anchored: true, wildcardsMatchSlash: true }],
    ['a\\b', { pattern: 'a\\\\b', anchored: false, wildcardsMatchSlash: false }],
    ['a\\*b', { pattern: 'a\\*b', anchored: false, wildcardsMatchSlash: false }],
    ['a\\b/', { pattern: 'a\\\\b/*', anchored: false, wildcardsMatchSlash: false }],
  ])('%s', (pattern, expected) => expect(toTarPattern(pattern)).toEqual(expected));
});

describe('escapeExcludePattern', () => {
  it.each([
    ['/var/spool/backup', '/var/spool/backup'],
    ['/a*b', '/a\\*b'],
    ['/a\\b', '/a\\b'],
    ['/a\\b?', '/a\\\\b\\?'],
  ])('%s', (path, pattern) => expect(escapeExcludePattern(path)).toBe(pattern));
});
