// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { freePort, InfluxLab } from '../helpers/influx-lab.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

const lab = new InfluxLab();
const { work } = lab;
const ask: InfluxLab['ask'] = (text, database) => lab.ask(text, database);
const names = () => lab.names();
let api: string;
let host: string;

/** All points of all databases. */
const dataOf = () =>
  names()
    .sort()
    .map((name) => [name, JSON.parse(ask('SELECT * FROM /.*/', name)).results]);

async function fill(): Promise<void> {
  for (const name of names()) ask(`DROP DATABASE "${name.replace('"', '\\"')}"`);
  for (const name of ['shop', 'odd name-"x']) {
    ask(`CREATE DATABASE "${name.replace('"', '\\"')}"`);
    const points = Array.from(
      { length: 50 },
      (_, at) => `cpu,host=h${at % 3} value=${at},text="a \\"b\\", ü" ${at + 1}000000000`,
    );
    await lab.write(name, points);
  }
}

beforeAll(async () => {
  await lab.start();
  ({ api, host } = lab);
});

afterAll(() => lab.remove());

pluginContract(influxdb, async () => {
  await fill();
  return {
    options: { host, api },
    stateOfHost: dataOf,
    destroy: () => {
      ask('DROP DATABASE shop');
      ask('INSERT cpu,host=h1 value=99 1000000000', 'odd name-"x');
    },
    damage: (copy) => {
      const directory = join(copy, 'influxdb_backup');
      const shard = readdirSync(directory).find((name) => name.endsWith('.tar.gz')) ?? '';
      truncateSync(join(directory, shard), 60);
    },
  };
});

describe('InfluxDB 1', () => {
  const directories = (name: string) => {
    const made = ['stage', 'copy', 'scratch', 'kept'].map((part) => join(work, name, part));
    for (const directory of made) mkdirSync(directory, { recursive: true });
    const [stage = '', copy = '', scratch = '', kept = ''] = made;
    return { stage, copy, scratch, kept };
  };
  const save = async (name: string, database: unknown) => {
    const places = directories(name);
    const context = pluginContext(influxdb, { options: { host, api, database }, stage: places.stage });
    const { facts = {} } = await influxdb.run(context);
    execFileSync('cp', ['-a', `${places.stage}/.`, places.copy]);
    return { ...places, facts, options: { host, api } };
  };

  it('one database is saved alone, and comes back beside the one that is there', async () => {
    await fill();
    const saved = await save('beside', 'shop');
    expect(saved.facts).toEqual({ databases: 'shop', engine: expect.stringMatching(/^influxdb 1\.\d/) });
    const context = restoreContext(influxdb, { ...saved, as: 'shop_old' });
    expect(await influxdb.restore?.plan(context)).toEqual([
      { action: 'create', what: 'shop_old, from shop of influxdb_backup/db.shop' },
    ]);
    await influxdb.restore?.apply(context);
    expect(ask('SELECT * FROM cpu', 'shop_old')).toBe(ask('SELECT * FROM cpu', 'shop'));
    await expect(influxdb.restore?.plan(context)).rejects.toThrow(/There is shop_old already/);
    await influxdb.restore?.revert(context);
    expect(names().sort()).toEqual(['odd name-"x', 'shop']);
  });

  it('a database that is not there is found before the run, and a run does not take it for saved', async () => {
    await fill();
    const context = pluginContext(influxdb, {
      options: { host, api, database: 'shap' },
      stage: directories('none').stage,
    });
    await expect(influxdb.validate?.(context)).rejects.toThrow(/no shap.*databases: .*shop/);
    await expect(influxdb.run(context)).rejects.toThrow(/influxd/);
  });

  it('two databases have no place under one name', async () => {
    await fill();
    const saved = await save('two', ['shop', 'odd name-"x']);
    await expect(influxdb.restore?.plan(restoreContext(influxdb, { ...saved, as: 'one' }))).rejects.toThrow(
      /one name only/,
    );
  });

  it('an empty database, continuous queries and grants outlive a restore, and one that is taken back', async () => {
    await fill();
    const saved = await save('around', 'shop');
    ask('DROP DATABASE shop');
    ask('CREATE DATABASE shop');
    ask('CREATE RETENTION POLICY month ON shop DURATION 30d REPLICATION 1');
    ask('CREATE CONTINUOUS QUERY hourly ON shop BEGIN SELECT mean(value) INTO hourly FROM cpu GROUP BY time(1h) END');
    ask("CREATE USER reader WITH PASSWORD 'x'");
    ask('GRANT READ ON shop TO reader');
    const state = () => [ask('SHOW CONTINUOUS QUERIES'), ask('SHOW GRANTS FOR reader')];
    const before = [...state(), ask('SHOW RETENTION POLICIES ON shop')];
    const context = restoreContext(influxdb, saved);
    expect(await influxdb.restore?.apply(context)).toEqual([]);
    expect(ask('SELECT * FROM cpu', 'shop')).toContain('h1');
    expect(state()).toEqual(before.slice(0, 2));
    await influxdb.restore?.revert(context);
    expect([...state(), ask('SHOW RETENTION POLICIES ON shop')]).toEqual(before);
    expect(ask('SHOW SERIES', 'shop')).not.toContain('cpu');
    ask('DROP USER reader');
  });

  it('points of a retention policy that is not the default one are found when they are back', async () => {
    await fill();
    ask('CREATE DATABASE "odd pol"');
    ask(String.raw`CREATE RETENTION POLICY "a \"b" ON "odd pol" DURATION INF REPLICATION 1`);
    const url = `http://${api}/write?db=odd%20pol&rp=${encodeURIComponent('a "b')}`;
    expect((await fetch(url, { method: 'POST', body: 'cpu value=1' })).status).toBe(204);
    const saved = await save('policies', 'odd pol');
    expect(await influxdb.restore?.apply(restoreContext(influxdb, saved))).toEqual([]);
  });

  it('what is written after a restore was taken back survives a second call', async () => {
    await fill();
    const saved = await save('twice', 'shop');
    const context = restoreContext(influxdb, saved);
    await influxdb.restore?.apply(context);
    await influxdb.restore?.revert(context);
    ask('INSERT later value=1', 'shop');
    await influxdb.restore?.revert(context);
    expect(ask('SELECT * FROM later', 'shop')).toContain('later');
  });

  it('continuous queries are saved for an admin to see, and a restore that makes the database says so', async () => {
    await fill();
    ask('CREATE CONTINUOUS QUERY hourly ON shop BEGIN SELECT mean(value) INTO hourly FROM cpu GROUP BY time(1h) END');
    const saved = await save('statements', 'shop');
    const text = readFileSync(join(saved.copy, 'influxdb_backup/statements.influxql'), 'utf8');
    expect(text).toMatch(/^CREATE CONTINUOUS QUERY hourly ON shop BEGIN .* END\n$/);
    ask('DROP DATABASE shop');
    expect(await influxdb.restore?.apply(restoreContext(influxdb, saved))).toEqual([
      expect.stringContaining('statements.influxql'),
    ]);
    const asked = pluginContext(influxdb, {
      options: { host, api: `127.0.0.1:${await freePort()}` },
      stage: directories('asked').stage,
    });
    const warnings = [expect.stringMatching(/are not saved, the data are.*`api`/s)];
    expect(await influxdb.validate?.(asked)).toEqual(warnings);
    expect((await influxdb.run(asked)).warnings).toEqual(warnings);
  });

  it('a server that is down is told at once, with what to look at', async () => {
    const options = { host: `127.0.0.1:${await freePort()}`, api };
    const context = pluginContext(influxdb, { options, stage: directories('down').stage });
    await expect(influxdb.validate?.(context)).rejects.toThrow(
      /cannot be reached: connect ECONNREFUSED.*bind-address/s,
    );
  });

  it('a copy without a manifest, or with one that names a file elsewhere, is no backup', async () => {
    const { copy, scratch } = directories('hostile');
    const verify = async () => (await influxdb.verify?.(copyContext(influxdb, { options: {}, copy, scratch })))?.[0];
    expect(await verify()).toMatchObject({ status: 'failed', message: expect.stringContaining('no *.manifest') });
    mkdirSync(join(copy, 'influxdb_backup'));
    const manifest = { meta: { fileName: '../../../etc/hostname' }, files: [] };
    writeFileSync(join(copy, 'influxdb_backup/a.manifest'), JSON.stringify(manifest));
    expect(await verify()).toMatchObject({ status: 'failed', message: expect.stringContaining('no name of a file') });
  });
});
