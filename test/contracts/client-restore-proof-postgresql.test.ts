// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../helpers/postgres.ts';
import { makePostgresPlace, type PostgresPlace } from '../helpers/postgres-place.ts';
import { createShop, shopState } from '../helpers/postgres-shop.ts';

let server: PostgresServer;
let place: PostgresPlace;

beforeAll(async () => {
  server = await startPostgres();
}, 120_000);

afterAll(() => server.stop());

beforeEach(() => {
  server.reset();
  place = makePostgresPlace(server);
  createShop(server);
});

afterEach(() => place.remove());

const OPTIONS = { database: 'shop' };

async function restored(as?: string) {
  await place.save(OPTIONS);
  const context = place.restoring(OPTIONS, as);
  await place.restore.apply(context);
  return async () => (await place.restore.verify?.(context)) ?? [];
}

describe('a PostgreSQL database that was put back', () => {
  it('answers, and has its tables, under another name as well', async () => {
    const verify = await restored('other');
    const found = [{ name: 'database other', status: 'ok', message: expect.stringMatching(/^it answers, \d+ tables/) }];
    expect(await verify()).toEqual(found);
    server.sql('other', 'insert into orders select * from orders limit 0', 'create table newer (id int)');
    expect(await verify()).toEqual(found);
  });

  it('is missing, or has lost all its tables', async () => {
    const verify = await restored();
    server.sql('shop', 'drop table orders cascade');
    expect(await verify()).toMatchObject([{ status: 'skipped', message: expect.stringContaining('Has an upgrade') }]);
    server.sql('shop', 'drop schema public cascade');
    const others = server.sql(
      'shop',
      `select string_agg(distinct quote_ident(schemaname), ', ') from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    if (others !== '') server.sql('shop', `drop schema ${others} cascade`);
    expect(await verify()).toMatchObject([{ status: 'failed', message: expect.stringMatching(/^0 of \d+ tables/) }]);
    server.sql('postgres', 'drop database shop');
    expect(await verify()).toEqual([{ name: 'database shop', status: 'failed', message: 'it is not there' }]);
  });

  it('is not accepted with fewer rows than were saved, and the old one is put back', async () => {
    await place.save(OPTIONS);
    const before = shopState(server, 'shop');
    const record = join(place.stage, 'databases/shop.json');
    const more = readFileSync(record, 'utf8').replace(/("name": ?"public\.orders",\s*"rows": ?)(\d+)/, '$19$2');
    writeFileSync(record, more);
    const context = place.restoring(OPTIONS);
    await expect(place.restore.apply(context)).rejects.toThrow(/public\.orders: \d+ rows, saved were 9\d+/);
    await place.restore.revert(context);
    expect(shopState(server, 'shop')).toEqual(before);
  });
});
