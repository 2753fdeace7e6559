// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { SHOP } from '../helpers/mariadb-shop.ts';

const lab = createMariadbLab(mariadb);

it('a MariaDB server answers, and has the databases that were put back', async () => {
  lab.create('shop', SHOP);
  await lab.save({ database: 'shop' });
  const context = lab.restoring({ database: 'shop' });
  await mariadb.restore?.apply(context);
  const verify = async () => (await mariadb.restore?.verify?.(context)) ?? [];
  const message = expect.stringMatching(/^it answers, with [1-9]\d* tables and views$/);
  expect(await verify()).toEqual([{ name: 'database shop', status: 'ok', message }]);
  lab.server.sql('DROP DATABASE shop');
  expect(await verify()).toEqual([{ name: 'database shop', status: 'failed', message: 'it is not there' }]);
}, 60_000);
