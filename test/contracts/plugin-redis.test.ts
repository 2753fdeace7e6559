// SPDX-License-Identifier: AGPL-3.0-or-later

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redis } from '../../packages/client/src/plugins/redis/index.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { RedisLab } from '../helpers/redis-lab.ts';
import { pluginContract } from './plugin.ts';

const lab = new RedisLab();

beforeAll(() => lab.start());
afterAll(() => lab.remove());

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

const fill = () => {
  lab.cli(['FLUSHALL']);
  lab.cli(['-x', 'SET', 'shop/bytes'], BYTES);
  lab.cli(['SET', 'shop/odd "key"\n-x', 'ü', 'EX', '5000']);
  lab.cli(['RPUSH', 'shop/list', 'a', 'b']);
  lab.cli(['HSET', 'other', 'f', '1']);
  lab.cli(['-n', '3', 'ZADD', 'z', '1.5', 'm']);
};

const state = () => [lab.state(), lab.state(3)];

const lose = () => {
  lab.cli(['DEL', 'shop/bytes']);
  lab.cli(['SET', 'shop/new', '1']);
  lab.cli(['SET', 'shop/list', 'no list']);
};

describe.each([
  ['rdb', {}],
  ['bgsave', { method: 'bgsave' }],
  ['keys', { keys: ['shop/*'] }],
])('saved by %s', (_name, more) => {
  pluginContract(redis, () => {
    fill();
    return {
      options: { socket: lab.socket, ...more },
      stateOfHost: state,
      destroy: lose,
      damage: (copy) => {
        const [file = ''] = readdirSync(join(copy, 'redis')).filter((name) => !name.endsWith('.json'));
        truncateSync(join(copy, 'redis', file), 60);
      },
    };
  });
});

describe('redis', () => {
  let root: string;

  beforeEach(() => {
    fill();
    root = mkdtempSync(join(tmpdir(), 'redis-'));
    for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const contextOf = (more: object = {}, given: object = {}) =>
    pluginContext(redis, { options: { socket: lab.socket, ...more }, stage: join(root, 'stage'), ...given });

  const directories = () => ({ copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') });

  const verify = async (more: object = {}) => {
    const options = { socket: lab.socket, ...more };
    return (await redis.verify?.(copyContext(redis, { options, ...directories(), level: 'full' }))) ?? [];
  };

  const restoring = (more: object = {}, given: object = {}) =>
    restoreContext(redis, { options: { socket: lab.socket, ...more }, ...directories(), ...given });

  const saved = (name: string) => join(root, 'stage/redis', name);

  it('counts what it saves, and a throw-away server finds as many', async () => {
    const { tables, facts } = await redis.run(contextOf());
    expect([...(tables ?? [])]).toEqual([
      ['db0', 4],
      ['db3', 1],
    ]);
    expect(facts).toMatchObject({ keys: '5' });
    expect(statSync(saved('dump.rdb')).mode & 0o777).toBe(0o600);
    expect(await verify()).toEqual([{ name: 'redis/dump.rdb', status: 'ok', message: 'loads, 5 keys in 2 databases' }]);
    expect(readdirSync(join(root, 'scratch'))).toEqual([]);
  });

  it('finds keys whose time came after they were saved', async () => {
    lab.cli(['SET', 'soon', '1', 'PX', '1500']);
    for (const more of [{}, { keys: ['*'] }]) {
      rmSync(join(root, 'stage'), { recursive: true });
      mkdirSync(join(root, 'stage'));
      lab.cli(['SET', 'soon', '1', 'PX', '1000']);
      await redis.run(contextOf(more));
      while (lab.cli(['EXISTS', 'soon']) === '1') await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await verify(more)).toMatchObject([{ status: 'ok' }]);
    }
  });

  it('sees a byte that has changed', async () => {
    await redis.run(contextOf());
    const bytes = readFileSync(saved('dump.rdb'));
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 1;
    writeFileSync(saved('dump.rdb'), bytes);
    expect(await verify()).toMatchObject([{ status: 'failed', message: 'its checksum is wrong' }]);
  });

  it('tells what a throw-away server says of data that it cannot load', async () => {
    await redis.run(contextOf());
    const bytes = readFileSync(saved('dump.rdb'));
    bytes.fill(0, bytes.length - 8);
    bytes[60] = 0xee;
    bytes.fill(0xee, 160, 175);
    writeFileSync(saved('dump.rdb'), bytes);
    expect(await verify()).toMatchObject([{ status: 'failed', message: expect.stringMatching(/RDB|rdb/) }]);
  });

  it('writes keys in a form that redis-cli --pipe puts back', async () => {
    const before = lab.state();
    await redis.run(contextOf({ keys: ['shop/*', 'other'] }));
    lab.cli(['FLUSHALL']);
    lab.cli(['--pipe'], readFileSync(saved('keys.resp')));
    expect(lab.state()).toEqual(before);
  });

  it('refuses anything but keys in a file of keys', async () => {
    await redis.run(contextOf({ keys: ['shop/*'] }));
    const file = saved('keys.resp');
    writeFileSync(file, Buffer.concat([Buffer.from('*1\r\n$8\r\nFLUSHALL\r\n'), readFileSync(file)]));
    const before = state();
    expect(await verify({ keys: ['shop/*'] })).toMatchObject([
      { status: 'failed', message: expect.stringContaining('something else than keys') },
    ]);
    await expect(redis.restore?.apply(restoring({ keys: ['shop/*'] }))).rejects.toThrow(/something else/);
    expect(state()).toEqual(before);
  });

  it('fails where no key matches, unless that is allowed', async () => {
    const options = { keys: ['shop/*', 'nothing*'] };
    await expect(redis.run(contextOf(options))).rejects.toThrow(/matches nothing\*/);
    rmSync(join(root, 'stage/redis'), { recursive: true });
    await redis.run(contextOf({ ...options, allow_missing: true }));
  });

  it('shows in the plan how many keys are replaced, and refuses another name', async () => {
    await redis.run(contextOf());
    const plan = await redis.restore?.plan(restoring());
    expect(plan?.map(({ action }) => action)).toEqual(['keep', 'replace', 'load', 'note']);
    expect(plan?.[1]?.what).toMatch(/^5 keys of the Redis server/);
    await expect(redis.restore?.plan(restoring({}, { as: 'x' }))).rejects.toThrow(/have numbers, no names/);
  });

  it.each([{}, { keys: ['shop/*'] }])('puts the old data back after it was killed half-way: %j', async (more) => {
    await redis.run(contextOf(more));
    lose();
    const before = state();
    const killed = restoring(more);
    await redis.restore?.apply(killed);
    const memo = JSON.parse(JSON.stringify(killed.remembered()));
    // As it is in the middle.
    for (const key of ['shop/bytes', 'shop/new', 'shop/list']) lab.cli(['DEL', key]);
    await redis.restore?.revert(restoring(more, { memo }));
    expect(state()).toEqual(before);
  });

  it('brings functions back', async () => {
    const library = "#!lua name=lib\nredis.register_function('hello', function() return 'hi' end)";
    lab.cli(['FUNCTION', 'LOAD', 'REPLACE', library]);
    await redis.run(contextOf());
    lab.cli(['FUNCTION', 'FLUSH']);
    const context = restoring();
    await redis.restore?.apply(context);
    expect(lab.cli(['FCALL', 'hello', '0'])).toBe('hi');
    await redis.restore?.revert(context);
    expect(lab.cli(['FUNCTION', 'LIST'])).toBe('');
  });

  it('stops when the signal is aborted, and leaves no server behind', async () => {
    await redis.run(contextOf());
    const ending = new AbortController();
    const real = createRun({ scrub: (text) => text });
    const exec: typeof real = (program, args, options) => {
      ending.abort(new Error('the run is to end'));
      return real(program, args, options);
    };
    const context = copyContext(redis, {
      options: { socket: lab.socket },
      ...directories(),
      level: 'full',
      exec,
      signal: ending.signal,
    });
    await expect(redis.verify?.(context)).rejects.toThrow('the run is to end');
    expect(readdirSync(join(root, 'scratch'))).toEqual([]);
  });

  it('keeps no half of a dump when the disk is full', async () => {
    lab.cli(['-x', 'SET', 'large'], randomBytes(400_000));
    const stage = join(root, 'stage');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', stage]);
    try {
      for (const more of [{}, { keys: ['large'] }, { method: 'bgsave' }]) {
        await expect(redis.run(contextOf(more)), JSON.stringify(more)).rejects.toThrow();
        expect(readdirSync(saved(''))).toEqual([]);
        rmSync(saved(''), { recursive: true });
      }
    } finally {
      execFileSync('umount', [stage]);
    }
  });

  it('says that the server cannot be reached, and at which place', async () => {
    const context = contextOf({ socket: join(root, 'none') });
    await expect(redis.validate?.(context)).rejects.toThrow(/Cannot talk to the Redis server at .*none.*Is it running/);
  });
});
