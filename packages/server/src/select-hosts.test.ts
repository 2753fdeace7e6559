// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { expect, test } from 'vitest';
import { selectHosts } from './select-hosts.ts';

const inventory = {
  hosts: [{ hostname: 'web1' }, { hostname: 'web2' }, { hostname: 'db1' }],
  rejectedHosts: [{ hostname: 'old1' }, { hostname: undefined }],
};

test('no names select everything, what is wrong included', () => {
  expect(selectHosts(inventory, [])).toEqual(inventory);
});

test('named hosts come in the order of the inventory, once', () => {
  expect(selectHosts(inventory, ['db1', 'web1', 'db1'])).toEqual({
    hosts: [{ hostname: 'web1' }, { hostname: 'db1' }],
    rejectedHosts: [],
  });
});

test('a named host whose configuration is wrong is not unknown', () => {
  expect(selectHosts(inventory, ['old1'])).toEqual({ hosts: [], rejectedHosts: [{ hostname: 'old1' }] });
});

test('all unknown names are reported at once, with what was probably meant and what there is', () => {
  const select = () => selectHosts(inventory, ['web3', 'mail', 'web1']);
  expect(select).toThrow(BackupError);
  expect(select).toThrow(
    [
      'There is no host `web3` in the configuration. Did you mean `web1`?',
      'There is no host `mail` in the configuration.',
      'Configured hosts: web1, web2, db1, old1',
    ].join('\n'),
  );
});

test('an empty inventory says so', () => {
  expect(() => selectHosts({ hosts: [], rejectedHosts: [] }, ['web1'])).toThrow('Configured hosts: (none)');
});
