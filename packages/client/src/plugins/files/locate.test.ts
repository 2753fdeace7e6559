// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { locatePaths } from './locate.ts';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'locate-')));
  mkdirSync(join(root, 'etc', 'nginx'), { recursive: true });
  writeFileSync(join(root, 'etc', 'hosts'), '');
  symlinkSync('etc', join(root, 'link'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const inRoot = (...names: string[]) => names.map((name) => join(root, name));

it('drops duplicates and what lies below another path', async () => {
  const found = await locatePaths([...inRoot('etc/nginx', 'etc'), `${root}/etc/`, `${root}/etc/nginx/../hosts`]);
  expect(found.present).toEqual(inRoot('etc'));
});

it('keeps a path whose name only begins like another one', async () => {
  mkdirSync(join(root, 'etc-old'));
  const found = await locatePaths(inRoot('etc', 'etc-old'));
  expect(found.present).toEqual(inRoot('etc', 'etc-old'));
});

it('resolves links on the way, and tells about a path that is one', async () => {
  const found = await locatePaths(inRoot('link/hosts', 'link'));
  expect(found.present).toEqual(inRoot('etc/hosts', 'link'));
  expect(found.links).toEqual(inRoot('link'));
});

it('tells what is missing', async () => {
  const found = await locatePaths(inRoot('etc', 'srv', 'etc/hosts/x'));
  expect(found.missing).toEqual(inRoot('srv', 'etc/hosts/x').map((path) => ({ path, reason: 'does not exist' })));
});

it('tells why a path leads nowhere', async () => {
  symlinkSync('circle', join(root, 'circle'));
  const { missing } = await locatePaths(inRoot('circle/x', 'n'.repeat(256)));
  expect(missing.map(({ reason }) => reason)).toEqual([
    'leads through symbolic links that go round in a circle',
    'is longer than a path can be',
  ]);
});

it('knows the root directory', async () => {
  expect((await locatePaths(['/', '/etc'])).present).toEqual(['/']);
});
