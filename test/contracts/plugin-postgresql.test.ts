// SPDX-License-Identifier: AGPL-3.0-or-later
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { postgresql } from '../../packages/client/src/plugins/postgresql/index.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres.ts';
import { createShop, shopState } from '../helpers/postgres-shop.ts';
import { pluginContract } from './plugin.ts';

let server: PostgresServer;
/** Whether the shop is as it was made. */
let isWhole = false;

beforeAll(async () => {
  server = await startPostgres();
}, 120_000);

afterAll(() => server.stop());

beforeEach(() => {
  if (isWhole) return;
  server.reset();
  createShop(server);
  isWhole = true;
});

/** Most of the contract leaves the database alone. */
function change(database: string, ...statements: readonly string[]): void {
  isWhole = false;
  server.sql(database, ...statements);
}

const login = () => ({ host: server.socket, port: server.port });

describe('one database, plain', () => {
  pluginContract(postgresql, () => ({
    options: { database: 'shop', ...login() },
    tools: server.tools,
    stateOfHost: () => shopState(server, 'shop'),
    destroy: () => change('shop', 'delete from orders where id = 1', 'drop view "Big Orders"'),
    damage: (copy) => truncateSync(join(copy, 'databases/shop.sql'), 3000),
  }));
});

describe('all databases, directory format', () => {
  pluginContract(postgresql, () => ({
    options: { database: 'all', format: 'directory', ...login() },
    tools: server.tools,
    stateOfHost: () => [
      shopState(server, 'shop'),
      server.sql('postgres', 'select datname from pg_database order by 1').replace(/.*_before_restore_.*\n/g, ''),
    ],
    destroy: () => change('postgres', 'drop database shop'),
    damage: (copy) => rmSync(join(copy, 'databases/shop.dir/toc.dat')),
  }));
});
