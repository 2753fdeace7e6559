// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mongodb } from '../../packages/client/src/plugins/mongodb/index.ts';
import { MongodbStandIn } from '../helpers/mongodb-stand-in.ts';
import { copyContext, pluginContext } from '../helpers/plugin-context.ts';

const PATH = process.env.PATH;

afterAll(() => {
  process.env.PATH = PATH;
});

/** With programs that stand for those of MongoDB, which Debian does not have. */
describe('a throw-away MongoDB', () => {
  let root: string;
  let server: MongodbStandIn;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mongo-'));
    // The account of throw-away servers starts these programs.
    chmodSync(root, 0o755);
    for (const name of ['stage', 'scratch']) mkdirSync(join(root, name), { mode: 0o700 });
    server = new MongodbStandIn(join(root, 'host'));
    const version = { 'system.version': ['a', 'b'] };
    server.databases = { shop: { orders: ['tea', 'milk'], empty: [] }, blog: { posts: ['hello'] }, admin: version };
    process.env.PATH = `${server.bin}:${PATH}`;
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const save = (options: object = {}) => mongodb.run(pluginContext(mongodb, { options, stage: join(root, 'stage') }));
  const verify = async () => {
    const directories = { copy: join(root, 'stage'), scratch: join(root, 'scratch') };
    const checks = await mongodb.verify?.(copyContext(mongodb, { options: {}, ...directories, level: 'full' }));
    expect(existsSync(join(root, 'scratch/m'))).toBe(false);
    return (checks ?? []).map(({ name, status, message }) => `${status} ${name}: ${message}`);
  };
  const set = (state: string) => writeFileSync(join(root, `host/state.json.${state}`), '');

  it('loads all databases but its own, and has no address that others could reach', async () => {
    await save();
    expect((await verify())[1]).toBe('ok mongodb: loading: loads, 3 collections, 3 documents');
    const place = join(root, 'scratch/m');
    const uri = `--uri=mongodb://${encodeURIComponent(`${place}/mongodb-27017.sock`)}`;
    expect(server.calls.slice(-4)).toEqual([
      'mongod --version',
      [
        `mongod --dbpath=${place}/data --bind_ip=${place}/own.sock --unixSocketPrefix=${place} --port=27017`,
        '--setParameter=ttlMonitorEnabled=false --setParameter=diagnosticDataCollectionEnabled=false',
        '--wiredTigerCacheSizeGB=0.25 --quiet',
      ].join(' '),
      `mongorestore ${uri} --nsExclude=admin.* --nsExclude=config.* --nsExclude=local.* --archive`,
      `mongodump ${uri} --archive`,
    ]);
    expect(server.databases.shop?.orders).toEqual(['tea', 'milk']);
  });

  it('loads the archives of several databases into one', async () => {
    await save({ databases: ['shop', 'blog'] });
    expect((await verify())[2]).toBe('ok mongodb: loading: loads, 3 collections, 3 documents');
    expect(server.calls.filter((call) => /nsInclude/.test(call)).map((call) => call.split(' ')[2])).toEqual([
      '--nsInclude=shop.*',
      '--nsInclude=blog.*',
    ]);
  });

  it('says what got lost, what does not load, and what the server says when it does not start', async () => {
    await save();
    set('forgetful');
    expect((await verify())[1]).toBe(
      'failed mongodb: loading: blog.posts: 0 documents, 1 when saved; shop.orders: 0 documents, 2 when saved',
    );
    set('refused');
    expect((await verify())[1]).toMatch(/^failed .*mongorestore failed.*cannot create index/s);
    set('broken');
    expect((await verify())[1]).toMatch(/^failed .*mongod failed with exit code 62.*cannot open the data directory/s);
  });

  it('is skipped where a program is missing, or older than the server that was saved', async () => {
    await save();
    const program = join(server.bin, 'mongod');
    writeFileSync(program, readFileSync(program, 'utf8').replace('v7.0.5', 'v4.4.29'));
    expect((await verify())[1]).toMatch(/^skipped .*mongod is of version 4\.4, older than the server \(7\)/);
    rmSync(program);
    expect((await verify())[1]).toMatch(/^skipped .*mongod is not installed.*mongodb-org-server/);
  });
});
