// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requireKeys } from '../../packages/client/src/plugins/redis/after-restore.ts';
import { Connection } from '../../packages/client/src/plugins/redis/connection.ts';
import { redis } from '../../packages/client/src/plugins/redis/index.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { RedisLab } from '../helpers/redis-lab.ts';

const lab = new RedisLab();
let root: string;

beforeAll(() => lab.start());
afterAll(() => lab.remove());

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'redis-'));
  for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  lab.cli(['FLUSHALL']);
  lab.cli(['MSET', 'shop/a', '1', 'shop/b', '2', 'other', '3']);
  lab.cli(['SET', 'shop/soon', '4', 'EX', '5000']);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const directories = () => ({ copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') });

async function restored(more: object = {}) {
  const options = { socket: lab.socket, ...more };
  await redis.run(pluginContext(redis, { options, stage: join(root, 'stage') }));
  const context = restoreContext(redis, { options, ...directories() });
  await applyRestore(redis, context);
  return { context, verify: async () => (await redis.restore?.verify?.(context)) ?? [] };
}

describe('a Redis server whose data was put back', () => {
  it.each([
    ['all', {}, 4, 3],
    ['some', { keys: ['shop/*'] }, 3, 2],
  ])('answers: %s keys', async (_, more, keys, lasting) => {
    const { context, verify } = await restored(more);
    expect(context.remembered()).toMatchObject({ loaded: { lasting } });
    expect(await verify()).toEqual([{ name: 'Redis', status: 'ok', message: `it answers, ${keys} keys` }]);
    // What the service does with them is its own.
    lab.cli(['DEL', 'shop/a']);
    expect(await verify()).toMatchObject([{ status: 'ok' }]);
  });

  it('may have been emptied by the service, but not by a start without its data', async () => {
    const { verify } = await restored();
    lab.cli(['FLUSHALL']);
    expect(await verify()).toMatchObject([{ status: 'skipped', message: expect.stringContaining('Has the service') }]);
    await lab.stop();
    const looking = verify();
    await lab.start();
    expect(await looking).toMatchObject([{ status: 'failed', message: expect.stringContaining('started anew') }]);
  });

  it('is waited for while it loads its data, for as long as a restore may take', async () => {
    await restored();
    const own = new RedisLab();
    try {
      await own.start('--rdbcompression', 'no');
      own.cli(['EVAL', "for i = 1, 600 do redis.call('SET', 'key' .. i, string.rep('x', 2000)) end", '0']);
      own.cli(['SAVE']);
      await own.stop();
      // A minute of loading, in which it answers with every key.
      await own.start('--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024');
      const options = { socket: own.socket, timeout: '1s' };
      const looking = redis.restore?.verify?.(restoreContext(redis, { options, ...directories() }));
      await expect(looking).rejects.toThrow('Redis is still loading its data after `timeout`');
    } finally {
      await own.remove();
    }
  });

  it('is not accepted with fewer lasting keys than were loaded', async () => {
    const connect = () => Connection.open({ title: 'it', address: { path: lab.socket } }, new AbortController().signal);
    const [source, server] = [await connect(), await connect()];
    const found = requireKeys(source, server, { kind: 'keys', patterns: ['shop/*'] }).finally(() => {
      source.close();
      server.close();
    });
    // Of four keys one has a time limit.
    await expect(found).resolves.toMatchObject({ lasting: 3 });
    const again = [await connect(), await connect()] as const;
    await expect(requireKeys(...again, { kind: 'keys', patterns: ['other'] })).rejects.toThrow(
      'it holds 1 keys after 3 were loaded',
    );
    for (const one of again) one.close();
  });
});
