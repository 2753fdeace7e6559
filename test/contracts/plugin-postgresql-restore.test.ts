// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Run } from '../../packages/common/src/exec.ts';
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
});

afterEach(() => place.remove());

const databases = () => server.sql('postgres', 'select datname from pg_database order by 1').split('\n');

describe('restore', () => {
  it('keeps what it replaces under another name, and ends connections', async () => {
    createShop(server);
    const before = shopState(server, 'shop');
    await place.save({ database: 'shop' });
    server.sql('shop', 'truncate orders');
    const plan = await place.restore.plan(place.restoring({ database: 'shop' }));
    expect(plan.map(({ action }) => action)).toEqual(['replace', 'keep', 'create', 'load']);
    await place.restore.apply(place.restoring({ database: 'shop' }));
    expect(shopState(server, 'shop')).toEqual(before);
    const aside = databases().find((name) => name.startsWith('shop_before_restore_')) ?? '';
    expect(server.sql(aside, 'select count(*) from orders')).toBe('0');
  });

  it('puts one database beside the original under another name, and refuses one name for several', async () => {
    createShop(server);
    await place.save({ database: ['shop', 'postgres'] });
    await expect(place.restore.plan(place.restoring({ database: ['shop', 'postgres'] }, 'copy'))).rejects.toThrow(
      'One name cannot stand for 2 databases',
    );
    const context = place.restoring({ database: 'shop' }, "cop'y");
    await place.restore.plan(context);
    await place.restore.apply(context);
    expect(databases()).toEqual(["cop'y", 'postgres', 'shop', 'template0', 'template1']);
    expect(shopState(server, "cop'y")).toEqual(shopState(server, 'shop'));
    await place.restore.revert(context);
    expect(databases()).not.toContain("cop'y");
  });

  it('creates roles that are missing, with their passwords, or says which ones are missing', async () => {
    createShop(server);
    server.sql('postgres', 'create role staff', 'grant staff to "shop owner"', 'create role bystander');
    const password = () => server.sql('postgres', `select rolpassword from pg_authid where rolname = 'shop owner'`);
    const [before, state] = [password(), shopState(server, 'shop')];
    await place.save({ database: 'all' });
    server.reset();
    const context = place.restoring({ database: 'all' });
    expect((await place.restore.plan(context))[0]?.what).toMatch(/^role /);
    await place.restore.apply(context);
    expect(shopState(server, 'shop')).toEqual(state);
    expect(password()).toBe(before);
    expect(server.sql('postgres', `select pg_has_role('shop owner', 'staff', 'member')`)).toBe('t');
    await place.restore.revert(context);
    expect(server.sql('postgres', `select count(*) from pg_roles where rolname in ('shop owner', 'staff')`)).toBe('0');
    rmSync(join(place.stage, 'databases/globals.sql'));
    await expect(place.restore.plan(place.restoring({ database: 'all' }))).rejects.toThrow(
      'Create them first: CREATE ROLE "shop owner";',
    );
  });

  it('that fails half-way is reverted from what is on disk', async () => {
    createShop(server);
    await place.save({ database: 'shop', format: 'custom' });
    const before = shopState(server, 'shop');
    const record = join(place.stage, 'databases/shop.dump');
    writeFileSync(record, readFileSync(record).subarray(0, 20_000));
    const context = place.restoring({ database: 'shop', format: 'custom' });
    await expect(place.restore.apply(context)).rejects.toThrow('pg_restore');
    expect(databases().length).toBe(5);
    await place.restore.revert(context);
    await place.restore.revert(context);
    expect(shopState(server, 'shop')).toEqual(before);
    expect(databases()).toEqual(['postgres', 'shop', 'template0', 'template1']);
  });

  it('is undone wherever it was killed, from what was on disk then', async () => {
    server.sql('postgres', 'create database tiny');
    server.sql('tiny', 'create table t (a int)', 'insert into t values (1)');
    await place.save({ database: 'tiny' });
    const state = () => [
      databases(),
      server.sql('tiny', 'select * from t'),
      server.sql('postgres', 'select datname from pg_database where not datallowconn'),
    ];
    server.sql('tiny', 'update t set a = 2');
    const before = state();
    let isDone = false;
    for (let steps = 1; !isDone; steps += 1) {
      const context = place.restoring({ database: 'tiny' });
      let left = steps;
      const exec: Run = (...call) => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('killed')) : context.exec(...call);
      };
      const error: unknown = await place.restore.apply({ ...context, exec }).catch((reason: unknown) => reason);
      isDone = !(error instanceof Error);
      await place.restore.revert(context);
      expect(state(), `killed before step ${steps + 1}`).toEqual(before);
    }
  });

  it('refuses a copy that is about another database, or would have psql run something', async () => {
    server.sql('postgres', 'create database shop');
    await place.save({ database: 'shop' });
    const dump = join(place.stage, 'databases/shop.sql');
    writeFileSync(dump, `\\! touch ${place.root}/proof\n${readFileSync(dump, 'utf8')}`);
    await expect(place.restore.apply(place.restoring({ database: 'shop' }))).rejects.toThrow(
      'holds commands for psql that no pg_dump writes: \\! touch',
    );
    expect(readdirSync(place.root)).not.toContain('proof');
    expect(databases()).toEqual(['postgres', 'shop', 'template0', 'template1']);
    const record = join(place.stage, 'databases/shop.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace('"database": "shop"', '"database": "postgres"'));
    await expect(place.restore.plan(place.restoring({ database: 'shop' }))).rejects.toThrow(
      'it is about another database: "postgres"',
    );
  });
});
