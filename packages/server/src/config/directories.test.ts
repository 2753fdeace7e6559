// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isWithin, localRepositoryRoot, overlapsOf, overlapsOfHost, realPath } from './directories.ts';

const usual = { liveDir: '/state/live', localTempBaseDir: '/work', repositoryRoot: '/repos', stateDir: '/state' };

test.each([
  ['the usual ones', {}],
  ['archives beside repositories', { localTempBaseDir: '/srv/work', repositoryRoot: '/srv/repos' }],
  ['repositories elsewhere', { repositoryRoot: undefined }],
  ['repositories below the root', { repositoryRoot: '/' }],
  ['drills in the work directory', { drillDirectory: '/work/drill' }],
  ['drills beside repositories below the root', { drillDirectory: '/drills', repositoryRoot: '/' }],
  ['names that begin alike', { repositoryRoot: '/state/live2', localTempBaseDir: '/state/logs.d' }],
])('%s do not overlap', (_, changes) => {
  expect(overlapsOf({ ...usual, ...changes })).toEqual([]);
  expect(overlapsOfHost({ ...usual, ...changes }, 'web1')).toEqual([]);
});

test.each([
  ['live trees are the repositories', { liveDir: '/repos' }],
  ['live trees are the archives', { liveDir: '/work' }],
  ['archives are the repositories', { localTempBaseDir: '/repos' }],
  ['repositories lie among live trees', { repositoryRoot: '/state/live/repos' }],
  ['archives lie among live trees', { localTempBaseDir: '/state/live/web1' }],
  ['the state lies among live trees', { liveDir: '/', stateDir: '/var/state' }],
  ['live trees lie among records', { liveDir: '/state/runs' }],
  ['repositories lie in the cache', { repositoryRoot: '/state/restic-cache/x' }],
  ['drills restore into live trees', { drillDirectory: '/state/live/drill' }],
  ['drills restore among repositories', { drillDirectory: '/repos/drill' }],
  ['drills restore into the work directory itself', { drillDirectory: '/work' }],
  ['drills restore among records', { drillDirectory: '/state/runs/drill' }],
  ['archives lie among logs', { localTempBaseDir: '/state/logs' }],
])('%s', (_, changes) => {
  expect(overlapsOf({ ...usual, ...changes })).not.toEqual([]);
});

test('the same two directories are one complaint, which names both', () => {
  const complaints = overlapsOf({ ...usual, localTempBaseDir: '/repos' });
  expect(complaints).toMatchObject([{ path: ['global', 'local_temp_base_dir'] }]);
  expect(complaints[0]?.message).toContain('local_temp_base_dir (/repos) is the same as repository_root (/repos)');
});

test.each([
  ['a repository that live trees lie in', { repositoryRoot: '/data', liveDir: '/data/web1/live' }],
  ['a repository that is the directory of live trees', { repositoryRoot: '/state', liveDir: '/state/web1' }],
  ['a repository that holds the records', { repositoryRoot: '/', stateDir: '/web1/state', liveDir: '/live' }],
  ['a work directory that drills restore to', { drillDirectory: '/work/web1' }],
  ['a work directory that holds the repositories', { localTempBaseDir: '/srv', repositoryRoot: '/srv/web1/repos' }],
])('a host is refused for its name: %s', (_, changes) => {
  expect(overlapsOfHost({ ...usual, ...changes }, 'web1')).not.toEqual([]);
  expect(overlapsOf({ ...usual, ...changes })).toEqual([]);
  expect(overlapsOfHost({ ...usual, ...changes }, 'web')).toEqual([]);
});

test('symlinks are followed as far as the path exists', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'directories-')));
  try {
    mkdirSync(join(base, 'disk'));
    symlinkSync('disk', join(base, 'link'));
    expect(realPath(join(base, 'link', 'a', '..', 'b'))).toBe(join(base, 'disk', 'b'));
    expect(localRepositoryRoot(`local:${base}/link`)).toBe(join(base, 'disk'));
  } finally {
    rmSync(base, { recursive: true });
  }
});

test('repositories on other machines are no local directory', () => {
  expect(localRepositoryRoot('sftp:user@host:/srv')).toBeUndefined();
});

test.each([
  ['/a', '/a', true],
  ['/a/b', '/a', true],
  ['/ab', '/a', false],
  ['/a', '/', true],
  ['/a', '/a/b', false],
])('%s is within %s: %s', (inner, outer, within) => {
  expect(isWithin(inner, outer)).toBe(within);
});
