// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { describe, expect, it } from 'vitest';
import { escapeGlob, type Glob, parseGlob } from './glob.ts';

function globOf(text: string): Glob {
  const glob = parseGlob(text);
  if ('complaint' in glob) throw new Error(glob.complaint);
  return glob;
}

const covers = (glob: string, path: string) => globOf(glob).covers(bytePathOfText(path));

describe('what a glob covers', () => {
  it.each([
    ['web/app', 'web/app', true],
    ['/web//app/', 'web/app/deep/file', true],
    ['web/app', 'web/apple', false],
    ['web/app', 'db/web/app', false],
    ['web/app', 'web', false],
    ['*.conf', 'a.conf', true],
    ['*.conf', 'web/a.conf', false],
    ['**/*.conf', 'a.conf', true],
    ['**/*.conf', 'web/app/a.conf', true],
    ['web/**/x', 'web/a/b/x/y', true],
    ['web/*', 'web/a\nb', true],
    ['web/b*', 'web/b', true],
    ['web/?', 'web/ü', true],
    ['web/??', 'web/ü', false],
    ['web/[a-c]', 'web/b', true],
    ['web/[^a-c]', 'web/b', false],
    ['web/[\\]]', 'web/]', true],
    ['web/[!a]', 'web/!', true],
    ['web/\\*', 'web/*', true],
    ['web/\\*', 'web/x', false],
    ['web/(.+)', 'web/xx', false],
    ['web/o{x}$', 'web/o{x}$', true],
  ])('%s and %j: %s', (glob, path, expected) => {
    expect(covers(glob, path)).toBe(expected);
  });

  it('a byte that is not UTF-8 is one character', () => {
    const path = 'web/bad\xff\xfe' as BytePath;
    expect(globOf('web/bad??').covers(path)).toBe(true);
    expect(globOf('web/bad?').covers(path)).toBe(false);
    expect(globOf('web/b*').covers(path)).toBe(true);
  });
});

it('the end of a path is matched as a whole', () => {
  const glob = globOf('etc/*.conf');
  expect(glob.matchesEnd('web/etc/a.conf')).toBe(true);
  expect(glob.matchesEnd('web/etc/a.conf/x')).toBe(false);
  expect(globOf('etc').matchesEnd('web/etc')).toBe(true);
  expect(globOf('etc').matchesEnd('web/etc/a')).toBe(false);
  expect(globOf('/etc').matchesEnd('web/etc')).toBe(false);
  expect(globOf('/web/etc').matchesEnd('web/etc')).toBe(true);
  expect(globOf('etc/**').matchesEnd('web/etc/a/b')).toBe(true);
});

it.each(['', '/', './', 'a/../b', 'a[', 'a[]', 'a[]x]', 'a[b-]', 'a[z-a]', 'a\\'])('refuses %j', (text) => {
  expect(parseGlob(text)).toEqual({ complaint: expect.any(String) });
});

it('escaped text matches itself only', () => {
  const odd = 'od*d[x]? \\ (q)';
  expect(covers(escapeGlob(odd), odd)).toBe(true);
  expect(covers(escapeGlob('a*'), 'ab')).toBe(false);
});
