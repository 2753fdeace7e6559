// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { conflictOf, plannedRepositories, repositoryDirectories } from './repository-conflicts.ts';

const directories = { liveDir: '/state/live', localTempBaseDir: '/work', repositoryRoot: '/repos', stateDir: '/state' };
const usual = { repositoryRoot: '/repos', copies: [] };
const copy = (repositoryRoot: string) => ({ ...usual, copies: [{ name: 'offsite', repositoryRoot }] });

const conflict = (own: string | undefined, roots = copy('rest:https://h/')) => {
  const earlier = plannedRepositories('db1', undefined, roots);
  return conflictOf(plannedRepositories('web1', own, roots), earlier, directories);
};

test.each([
  ['the usual place', undefined],
  ['a place of its own', '/mnt/web1'],
  ['another machine', 'sftp:u@h:/srv/web1'],
  ['its name in the middle', '/mnt/{hostname}/restic'],
  ['a name that begins alike', '/repos/db10'],
])('%s is well', (_, own) => {
  expect(conflict(own)).toBeUndefined();
});

test.each([
  ["another host's", '/repos/db1', /the repository of web1 would be at \/repos\/db1, .* the repository of db1/],
  ['what the spelling hides', 'local:/repos/../repos//db1/', /the repository of db1/],
  ["a place within another host's", '/repos/db1/web1', /the repository of db1/],
  ["another host's copy", 'rest:https://user:secret@h/db1', /user:\*\*\*@h.*the copy "offsite" of db1/],
  ['its own copy', 'rest:https://h/web1', /the copy "offsite" of web1 would be .* the repository of web1/],
  ['the root of the repositories', '/repos', /or one within the other/],
  ['live trees', '/state/live/web1', /is within live_dir/],
  ['a place that holds the live trees', '/state', /live_dir .* is within the repository of web1/],
  ['records', '/state/runs', /state_dir\/runs .* is the same as the repository of web1/],
  ['archives', '/work/web1', /is within local_temp_base_dir/],
])('%s is refused', (_, own, message) => {
  expect(conflict(own)).toMatch(message);
});

test('a copy in the place of the first repositories, or among live trees, is refused', () => {
  expect(conflict(undefined, copy('/repos'))).toMatch(/the copy "offsite" of web1 .*the same place/);
  expect(conflict(undefined, copy('/state/live'))).toMatch(/the copy "offsite" of web1 .* is within live_dir/);
  expect(conflict(undefined, copy('/elsewhere'))).toBeUndefined();
});

test('a root without the name of the host at its end takes it where the braces are', () => {
  const roots = { repositoryRoot: '/srv/{hostname}/restic', copies: [] };
  expect(plannedRepositories('web1', undefined, roots)).toMatchObject([{ location: '/srv/web1/restic' }]);
  expect(conflict(undefined, roots)).toBeUndefined();
});

test('directories with repositories are known, those below repository_root by the root', () => {
  const hosts = [{ hostname: 'web1' }, { hostname: 'db1', repository: '/mnt/db1' }];
  expect(repositoryDirectories(hosts, copy('/second'))).toEqual({
    'the copy "offsite" of web1': '/second/web1',
    'the repository of db1': '/mnt/db1',
    'the copy "offsite" of db1': '/second/db1',
  });
});
