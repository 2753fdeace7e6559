// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { isWithin, sharedPath } from './tree-overlaps.ts';

const read = (path: string, exclude: string[] = [], root = '/') => ({ path, exclude, root });

it.each([
  [read('/srv'), read('/srv'), '/srv'],
  [read('/srv'), read('/srv/www'), '/srv/www'],
  [read('/srv/www'), read('/srv'), '/srv/www'],
  [read('/'), read('/srv'), '/srv'],
  [read('/srv'), read('/srv2'), undefined],
  [read('/srv', ['/srv/db']), read('/srv/db'), undefined],
  [read('/srv', ['/srv/db/']), read('/srv/db'), undefined],
  [read('/srv', ['db']), read('/srv/a/db/x'), undefined],
  [read('/srv', ['/db'], '/srv'), read('/srv/db'), undefined],
  [read('/srv', ['*.tmp', '/srv/other']), read('/srv/db'), '/srv/db'],
  // What the inner one leaves out does not count: the rest is there twice.
  [read('/srv'), read('/srv/db', ['cache']), '/srv/db'],
])('%j and %j share %j', (one, other, shared) => {
  expect(sharedPath(one, other)).toBe(shared);
});

it('a name that begins like another one is not within it', () => {
  expect(isWithin('data/etc2', 'data/etc')).toBe(false);
  expect(isWithin('data/etc/x', 'data/etc')).toBe(true);
});
