// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { isReadByAll, repositoryLocationOf, secretsIn, spellingOf, withoutCredentials } from './repository-location.ts';

test.each([
  ['/srv/restic', '/srv/restic/web1'],
  ['/', '/web1'],
  ['/srv/{hostname}/restic', '/srv/web1/restic'],
  ['sftp:u@h:/srv', 'sftp:u@h:/srv/web1'],
  ['sftp://u@h:22//srv', 'sftp://u@h:22//srv/web1'],
  ['rest:https://{hostname}:secret@h/{hostname}', 'rest:https://web1:secret@h/web1'],
  ['rest:https://h:8000', 'rest:https://h:8000/web1'],
  ['s3:https://h/bucket', 's3:https://h/bucket/web1'],
  ['b2:bucket', 'b2:bucket:/web1'],
  ['azure:box:/deep', 'azure:box:/deep/web1'],
  ['gs:bucket:/', 'gs:bucket:/web1'],
  ['rclone:nas:backups', 'rclone:nas:backups/web1'],
])('the repository of web1 at %s is %s', (root, location) => {
  expect(repositoryLocationOf(root, 'web1')).toBe(location);
});

test.each([
  ['rest:https://user:secret@host/x', 'rest:https://user:***@host/x', ['secret']],
  ['rest:https://user:sec@ret@host/x', 'rest:https://user:***@host/x', ['sec@ret']],
  ['rest:https://user:a%2Fb@host/', 'rest:https://user:***@host/', ['a%2Fb', 'a/b']],
  ['rest:https://user:%zz@host/', 'rest:https://user:***@host/', ['%zz']],
  ['sftp://user:secret@host//srv', 'sftp://user:***@host//srv', ['secret']],
  ['rclone:sftp,host=nas,pass=secret:x', 'rclone:sftp,host=***,pass=***:x', ['secret']],
  ['rclone::s3,secret_access_key="a,b:c":x', 'rclone::s3,secret_access_key=***:x', ['a,b:c']],
  ['rclone:nas:x', 'rclone:nas:x', []],
  ['sftp:user@host:/srv', 'sftp:user@host:/srv', []],
  ['/srv/a:b@c', '/srv/a:b@c', []],
])('%s is shown as %s', (location, shown, secrets) => {
  expect(withoutCredentials(location)).toBe(shown);
  expect(secretsIn(location)).toEqual(secrets);
});

test.each([
  ['rest:https://user:secret@host/x/', 'rest:https://other@host//x'],
  ['sftp:u@h:/srv//a/', 'sftp:u@h:/srv/a'],
  ['s3:https://h/b/x', 's3:https://h/b/x/'],
])('%s and %s are the same place', (one, other) => {
  expect(spellingOf(one)).toBe(spellingOf(other));
});

test.each([
  ['sftp:u@h:/srv/a', 'sftp:u@h:/srv/b'],
  ['rest:https://h/a', 'rest:http://h/a'],
  ['b2:bucket:/a', 'b2:bucket:/b'],
])('%s and %s are not', (one, other) => {
  expect(spellingOf(one)).not.toBe(spellingOf(other));
});

test.each([
  ['rclone:sftp,host=nas,pass=secret:x', true],
  ['rclone:sftp,host=nas,key_file=/root/.ssh/id,key_use_agent=false:x', false],
  ['rclone:nas:x', false],
  ['rest:https://user:secret@host/x', false],
])('what is secret in %s can be read by everybody: %s', (location, expected) => {
  expect(isReadByAll(location)).toBe(expected);
});
