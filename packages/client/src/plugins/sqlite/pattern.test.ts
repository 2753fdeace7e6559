// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { matchesPath, namePattern } from './pattern.ts';

it.each([
  ['/srv/*.db', '/srv/a.db', true],
  ['/srv/*.db', '/srv/deep/a.db', false],
  ['/srv/*.db', '/srv/axdb', false],
  ['/srv/**/*.db', '/srv/a.db', true],
  ['/srv/**/*.db', '/srv/x/y/a.db', true],
  ['/srv/**/*.db', '/other/srv/a.db', false],
  ['/srv/?.db', '/srv/ab.db', false],
  ['/srv/a(1)+[x].db', '/srv/a(1)+[x].db', true],
  ['/srv/*(1).db', '/srv/a(1).db', true],
  ['/srv/*', '/srv/a\nb', true],
])('%s and %j: %s', (pattern, path, matches) => {
  expect(matchesPath(path, pattern)).toBe(matches);
});

it('knows what is no pattern', () => {
  expect(namePattern('a.b[c]')).toBeUndefined();
  expect(namePattern('a*')).toBeDefined();
});
