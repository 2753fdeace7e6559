// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mongodb } from '../../packages/client/src/plugins/mongodb/index.ts';
import { MongodbStandIn } from '../helpers/mongodb-stand-in.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';

const PATH = process.env.PATH;

let root: string;
let server: MongodbStandIn;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mongodb-'));
  for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  server = new MongodbStandIn(join(root, 'host'));
  process.env.PATH = `${server.bin}:${PATH}`;
  server.databases = { shop: { orders: ['tea', 'milk'], empty: [] }, blog: { posts: ['hello'] } };
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(root, { recursive: true, force: true });
});

it('MongoDB answers, and has the collections that were put back, whatever is in them', async () => {
  await mongodb.run(pluginContext(mongodb, { options: {}, stage: join(root, 'stage') }));
  const directories = { copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') };
  const context = restoreContext(mongodb, { options: {}, ...directories });
  await applyRestore(mongodb, context);
  const verify = async () => (await mongodb.restore?.verify?.(context)) ?? [];
  server.databases = { ...server.databases, shop: { orders: [], empty: ['x'] } };
  const all = 'it answers, 3 of 3 collections that were asked for are there';
  expect(await verify()).toEqual([{ name: 'MongoDB', status: 'ok', message: all }]);
  expect(server.calls.at(-1)).toMatch(/^mongodump --db=\w+ --collection=\w+ --query=.* --archive$/);
  server.databases = { shop: { orders: ['tea'] } };
  expect(await verify()).toMatchObject([
    { status: 'skipped', message: expect.stringMatching(/missing: .*blog\.posts/) },
  ]);
  server.databases = {};
  expect(await verify()).toMatchObject([{ status: 'failed' }]);
});
