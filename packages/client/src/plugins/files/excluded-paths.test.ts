// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tarArgs } from '../../tar-args.ts';
import { excludedBy } from './excluded-paths.ts';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'excluded-'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Whether GNU tar leaves out a file that was asked for by name. */
function leftOutByTar(path: string, pattern: string): boolean {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  const read = { prefix: 'data', root, exclude: [pattern], oneFileSystem: false, recursion: true };
  const names = execFileSync('sh', ['-c', 'tar "$@" | tar -t', 'sh', ...tarArgs(read)], { input: `.${path}\0` });
  return names.length === 0;
}

it.each([
  ['/srv/app', '/srv/app'],
  ['/srv/app', 'app'],
  ['/srv/app', 'srv/app'],
  ['/srv/app', 'a*'],
  ['/srv/app', '/srv/*'],
  ['/srv/app', 'srv/'],
  ['/srv/app', '[a-c]pp'],
  ['/srv/a[1]', '/srv/a\\[1]*'],
  ['/srv/a/b/c.log', '/srv/**.log'],
  ['/srv/a.b', '/srv/a?b'],
])('tar leaves out %s because of %s, and so it is told', (path, pattern) => {
  expect(leftOutByTar(path, pattern)).toBe(true);
  expect(excludedBy(path, ['never', pattern])).toBe(pattern);
});

it.each([
  ['/srv/app', '/srv'],
  ['/srv/app', 'srv'],
  ['/srv/app', 'pp'],
  ['/srv/app', '/app'],
  ['/srv/app', 'app/'],
  ['/srv/app', '[!a]pp'],
  ['/srv/axb', '/srv/a.b'],
  ['/srv/a/b', '/srv/*'],
])('tar saves %s in spite of %s', (path, pattern) => {
  rmSync(join(root, 'srv'), { recursive: true, force: true });
  expect(leftOutByTar(path, pattern)).toBe(false);
  expect(excludedBy(path, [pattern])).toBeUndefined();
});
