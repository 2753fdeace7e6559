// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { serverOf } from './reachable.ts';

test.each([
  ['rest:https://user:secret@host/web1', { host: 'host', port: 443 }],
  ['rest:http://[::1]:8000/', { host: '::1', port: 8000 }],
  ['s3:http://127.0.0.1:9000/bucket', { host: '127.0.0.1', port: 9000 }],
  ['s3:s3.amazonaws.com/bucket', undefined],
  ['rest:http+unix:///run/rest', undefined],
  ['sftp:user@host:/srv', undefined],
  ['/srv/restic', undefined],
  ['rest:https://', undefined],
])('the server of %s', (repository, server) => {
  expect(serverOf(repository, {})).toEqual(server);
});

test('behind a proxy only restic knows the way', () => {
  expect(serverOf('rest:https://host/', { https_proxy: 'http://proxy:3128' })).toBeUndefined();
});
