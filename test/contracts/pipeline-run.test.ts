// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, type ErrorCode, InterruptedError } from '@local-backup/common/errors';
import { expect, test } from 'vitest';
import { fail, NOW, run, world } from '../helpers/pipeline-world.ts';

/* What a run does with many hosts: each on its own, retried, side by side, interrupted, recorded. */

test('a bug in one host is an internal error that is logged whole, and the next host has its turn', async () => {
  const logged: unknown[] = [];
  const broken = world({ bring: async () => (undefined as unknown as string[]).slice() });
  const { host, record } = await run({ web1: broken, web2: world() }, { logged, retries: 2 });
  expect(host('web1')).toMatchObject({ status: 'failed' });
  expect(host('web1')?.steps.at(-1)).toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/^internal error: /),
  });
  expect(logged).toEqual([expect.any(TypeError)]);
  expect(broken.done.filter((step) => step === 'bring')).toHaveLength(1);
  expect(host('web2')?.status).toBe('success');
  expect(record.status).toBe('failed');
});

test('an error outside of every step is in the record too', async () => {
  const { host } = await run({ web1: world({ offer: fail('untrusted', 'lies') }) });
  expect(host('web1')).toMatchObject({ status: 'failed' });
  expect(host('web1')?.steps.at(-1)).toMatchObject({
    name: 'host',
    status: 'failed',
    code: 'untrusted',
    message: 'lies',
  });
});

test('hosts that failed are tried again after all the others', async () => {
  const order: string[] = [];
  let attempts = 0;
  const flaky = world({
    bring: async () => {
      order.push('web1');
      attempts += 1;
      if (attempts === 1) throw new BackupError('failed', 'the link was lost');
      return [];
    },
  });
  const steady = world({
    bring: async () => {
      order.push('web2');
      return [];
    },
  });
  const { record, host } = await run({ web1: flaky, web2: steady }, { retries: 1 });
  expect(order).toEqual(['web1', 'web2', 'web1']);
  expect(record.hosts.map(({ host: name }) => name)).toEqual(['web1', 'web2']);
  expect(host('web1')).toMatchObject({ status: 'success', snapshot: 'snapshot-1' });
  expect(host('web1')?.steps.at(-1)?.message).toContain('the link was lost');
});

test.each<[ErrorCode, number]>([
  ['failed', 3],
  ['locked', 3],
  ['untrusted', 1],
  ['config', 1],
  ['usage', 1],
])('a failure with code `%s` is tried %i times with two retries', async (code, times) => {
  const w = world({ bring: fail(code, 'no') });
  const { host } = await run({ web1: w }, { retries: 2 });
  expect(w.done.filter((step) => step === 'bring')).toHaveLength(times);
  expect(host('web1')?.status).toBe('failed');
});

test('hosts run side by side, as many as allowed', async () => {
  let running = 0;
  let most = 0;
  const bring = async () => {
    running += 1;
    most = Math.max(most, running);
    for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
    running -= 1;
    return [];
  };
  const worlds = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, world({ bring })]));
  const { record } = await run(worlds, { parallel: 3 });
  expect(most).toBe(3);
  expect(record.hosts.map(({ host }) => host)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(record.status).toBe('success');
});

/** Hangs until it is told to end. */
const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new BackupError('failed', 'the link was closed')), { once: true });
  });

test('a run that is ended ends the host under way, begins no other, and the record says so', async () => {
  const controller = new AbortController();
  const first = world({
    bring: (signal) => {
      setImmediate(() => controller.abort());
      return hang(signal);
    },
  });
  const second = world();
  const { record, saved, host } = await run({ web1: first, web2: second }, { signal: controller.signal, retries: 2 });
  expect(first.done).toEqual(['check', 'offer', 'bring', 'close']);
  expect(second.done).toEqual([]);
  expect(host('web1')?.steps.at(-1)).toMatchObject({ status: 'failed', code: 'interrupted' });
  expect(host('web2')).toMatchObject({ status: 'skipped', skipped: 'INTERRUPTED' });
  expect(record).toMatchObject({ status: 'failed', ended: NOW.toISOString(), steps: [{ code: 'interrupted' }] });
  expect(saved.at(-1)).toEqual(record);
});

test.each([
  ['SIGINT', 'interrupted'],
  ['SIGTERM', 'terminated'],
] as const)('the record tells %s by its code', async (name, code) => {
  const controller = new AbortController();
  const bring = (signal: AbortSignal) => {
    setImmediate(() => controller.abort(new InterruptedError(name)));
    return hang(signal);
  };
  const { host } = await run({ web1: world({ bring }) }, { signal: controller.signal });
  expect(host('web1')?.steps.at(-1)).toMatchObject({ status: 'failed', code });
});

test('a host that takes too long is ended and costs only itself', async () => {
  const { host } = await run({ web1: world({ bring: hang }), web2: world() }, { hostTimeLimitMs: 20 });
  expect(host('web1')).toMatchObject({ status: 'failed' });
  expect(host('web1')?.steps.at(-1)?.message).toContain('host_time_limit');
  expect(host('web2')?.status).toBe('success');
});

test('no hosts at all is a failed run', async () => {
  const { record } = await run({});
  expect(record).toMatchObject({ status: 'failed', hosts: [], steps: [{ code: 'config' }] });
});

test('a host whose configuration is wrong is a failed host, and the others have their turn', async () => {
  const rejected = [{ hostname: 'web9', message: 'server_config.yml:9:5: hosts.1: `ssh_user` is missing' }];
  const { record, host } = await run({ web1: world() }, { rejected });
  expect(host('web1')?.status).toBe('success');
  expect(host('web9')).toMatchObject({ status: 'failed', steps: [{ code: 'config', message: rejected[0]?.message }] });
  expect(record.status).toBe('failed');
});

test('the record is written at the start, after every host, and at the end', async () => {
  const { saved, record } = await run({ web1: world(), web2: world({ save: fail('failed', 'no') }) }, { retries: 1 });
  expect(saved.map(({ status, hosts }) => [status, hosts.length])).toEqual([
    ['running', 0],
    ['running', 1],
    ['running', 2],
    ['running', 2],
    ['failed', 2],
  ]);
  expect(saved.at(-1)).toEqual(record);
});

test('a record that cannot be written any more fails the run and stops no backup', async () => {
  let writes = 0;
  const save = async () => {
    writes += 1;
    if (writes > 1) throw new BackupError('failed', 'no space left on device');
  };
  const { record } = await run({ web1: world(), web2: world() }, { save });
  expect(record.hosts.map(({ status }) => status)).toEqual(['success', 'success']);
  expect(record).toMatchObject({ status: 'failed', steps: [{ name: 'record', status: 'failed' }] });
});
