// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mongodb } from '../../packages/client/src/plugins/mongodb/index.ts';
import { MongodbStandIn } from '../helpers/mongodb-stand-in.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

const PATH = process.env.PATH;
const PASSWORD = 'top"secret$';

const make = (directory: string) => {
  const server = new MongodbStandIn(directory);
  server.databases = { shop: { orders: ['tea', 'milk'], empty: [] }, blog: { posts: ['hello'] } };
  process.env.PATH = `${server.bin}:${PATH}`;
  return server;
};

afterAll(() => {
  process.env.PATH = PATH;
});

describe.each([
  ['all databases', {}, 'mongodb/all.archive'],
  ['one database', { databases: ['shop'] }, 'mongodb/databases/shop.archive'],
])('%s', (_name, options, file) => {
  pluginContract(mongodb, (directory) => {
    const server = make(directory);
    return {
      options,
      stateOfHost: () => server.databases,
      destroy: () => {
        server.databases = { ...server.databases, shop: { orders: ['coffee'], empty: ['no'] } };
      },
      damage: (copy) => truncateSync(join(copy, file), statSync(join(copy, file)).size - 10),
    };
  });
});

describe('mongodb', () => {
  let root: string;
  let server: MongodbStandIn;
  let config: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mongodb-'));
    for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
    server = make(join(root, 'host'));
    config = join(root, 'config.yaml');
    writeFileSync(config, `password: '${PASSWORD}'\n`, { mode: 0o600 });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const contextOf = (options: object = {}) => pluginContext(mongodb, { options, stage: join(root, 'stage') });
  const directories = () => ({ copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') });
  const verify = async (level: 'quick' | 'full') =>
    (await mongodb.verify?.(copyContext(mongodb, { options: {}, ...directories(), level }))) ?? [];

  it('counts the documents of every collection', async () => {
    const { tables } = await mongodb.run(contextOf());
    expect([...(tables ?? [])]).toEqual([
      ['blog.posts', 1],
      ['shop.empty', 0],
      ['shop.orders', 2],
    ]);
    expect(statSync(join(root, 'stage/mongodb/all.archive')).mode & 0o777).toBe(0o600);
    expect((await verify('quick')).map(({ status }) => status)).toEqual(['ok']);
  });

  it('calls mongodump with everything but the password', async () => {
    const options = {
      host: 'db.example.org',
      port: 27018,
      username: 'backup',
      auth_database: 'admin',
      config_file: config,
    };
    await mongodb.run(contextOf({ ...options, databases: ['shop'] }));
    const login = '--host=db.example.org --port=27018 --username=backup --authenticationDatabase=admin';
    expect(server.calls).toEqual([`mongodump ${login} --config ${config} --db=shop --archive`]);
  });

  it('hands the password into a container, and takes it out again', async () => {
    const options = { container: 'db-1', config_file: config };
    await mongodb.run(contextOf(options));
    await mongodb.restore?.apply(restoreContext(mongodb, { options, ...directories() }));
    const calls = server.calls.filter((call) => call.startsWith('docker'));
    expect(calls.map((call) => call.split(' ')[4])).toEqual(
      ['mongodump', 'mongodump', 'mongorestore'].flatMap((name) => ['install', name, 'rm']),
    );
    expect(readFileSync(join(root, 'host/calls'), 'utf8')).not.toContain('secret');
    const files = calls.flatMap((call) => /\/dev\/shm\/backup-client-\w+\.yaml/.exec(call)?.[0] ?? []);
    expect(files).toHaveLength(9);
    expect(files.filter((file) => existsSync(file))).toEqual([]);
  });

  it('says that the login was refused, and that the file is open to others', async () => {
    writeFileSync(config, 'password: wrong');
    await expect(mongodb.run(contextOf({ config_file: config }))).rejects.toThrow(/mongodump failed.*auth error/s);
    chmodSync(config, 0o644);
    await expect(mongodb.validate?.(contextOf({ config_file: config }))).rejects.toThrow(/chmod 600/);
  });

  it('does not take an archive for whole that ends early, though mongodump says so', async () => {
    writeFileSync(join(root, 'host/state.json.cut'), '');
    await expect(mongodb.run(contextOf())).rejects.toThrow(/archive is not whole/);
    expect(existsSync(join(root, 'stage/mongodb/all.archive'))).toBe(false);
  });

  it('fails for a database that is not there', async () => {
    await expect(mongodb.run(contextOf({ databases: ['none'] }))).rejects.toThrow(/Database none has no collection/);
  });

  it('names the package that is missing', async () => {
    rmSync(join(server.bin, 'mongodump'));
    await expect(mongodb.validate?.(contextOf())).rejects.toThrow(/mongodump is not installed.*mongodb-database-tools/);
  });

  it('loads only what was asked for, and keeps what was there', async () => {
    const options = { databases: ['shop'], drop: false };
    await mongodb.run(contextOf(options));
    server.databases = { shop: { orders: ['coffee'] } };
    const context = restoreContext(mongodb, { options, ...directories() });
    expect((await mongodb.restore?.plan(context))?.map(({ action }) => action)).toEqual(['keep', 'load', 'note']);
    await mongodb.restore?.apply(context);
    expect(server.databases).toEqual({ shop: { orders: ['coffee', 'tea', 'milk'], empty: [] } });
    expect(server.calls.at(-1)).toBe('mongorestore --nsInclude=shop.* --archive');
    await mongodb.restore?.revert(context);
    // What the restore has created stays: mongorestore cannot remove it.
    expect(server.databases).toEqual({ shop: { orders: ['coffee'], empty: [] } });
  });

  it('replaces nothing where what is kept of it is not whole, or where the copy names a pattern', async () => {
    await mongodb.run(contextOf());
    const before = server.databases;
    const context = restoreContext(mongodb, { options: {}, ...directories() });
    writeFileSync(join(root, 'host/state.json.cut'), '');
    await expect(mongodb.restore?.apply(context)).rejects.toThrow(/archive is not whole/);
    expect(server.calls.at(-1)).toMatch(/^mongodump /);
    expect(server.databases).toEqual(before);
    const record = { format: 1, archives: [{ database: '*', collections: [] }] };
    writeFileSync(join(root, 'stage/mongodb/saved.json'), JSON.stringify(record));
    await expect(mongodb.restore?.plan(context)).rejects.toThrow(/must be the name of a database/);
  });

  it('refuses names and passwords that must not be there', async () => {
    const refused = (options: object) => mongodb.options.safeParse(options).error?.issues[0]?.message;
    for (const name of ['a b', 'a/b', 'a*', '$x', 'a\nb', ''])
      expect(refused({ databases: [name] }), name).toBeDefined();
    expect(refused({ password: 'x' })).toMatch(/must not be in a service.yaml/);
    expect(refused({ uri: 'mongodb://u:p@h' })).toMatch(/must not be in a service.yaml/);
    await mongodb.run(contextOf());
    const context = restoreContext(mongodb, { options: {}, ...directories(), as: 'x' });
    await expect(mongodb.restore?.plan(context)).rejects.toThrow(/--nsFrom/);
  });
});
