// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { createDockerLab } from '../helpers/docker-stand-in-lab.ts';

/** `web` depends on two; `cache` can be stopped beforehand. */
const COMPOSE = `
services:
  web: {image: "nginx:1.25", depends_on: [db, cache]}
  db: {image: "postgres:15"}
  cache: {image: "redis:7"}
`;

let lab: ReturnType<typeof createDockerLab>;

beforeEach(() => {
  lab = createDockerLab(COMPOSE);
});

afterEach(() => lab.remove());

const states = (web: string, db: string, cache: string) => ({ web, db, cache });
const RUNNING = states('running', 'running', 'running');

const runOnce = createRun({ scrub: (text) => text });

/** As after kill -9: what was called has happened, and nothing comes after it. */
function killedAfter(last: number) {
  let calls = 0;
  const exec: Run = async (...args) => {
    if (calls > last) throw new Error('killed');
    calls += 1;
    const result = await runOnce(...args);
    if (calls > last) throw new Error('killed');
    return result;
  };
  return { exec, wasKilled: () => calls > last };
}

it.each(['stop', 'down', 'pause'])(
  'killed at any call, %s, and again in post: post brings back what ran from what was on disk',
  async (mode) => {
    lab.compose('stop', 'cache');
    const initial = JSON.stringify(lab.engine.read());
    const ran = (lists: Record<string, string>) => Object.entries(lists).filter(([, state]) => state === 'running');
    for (let last = 0, whole = false; !whole; last += 1) {
      lab.engine.change((state) => Object.assign(state, JSON.parse(initial)));
      const { exec, wasKilled } = killedAfter(last);
      const killed = lab.contextOf({ stop_mode: mode }, { exec });
      await Promise.resolve(docker.prepare?.(killed)).catch(() => undefined);
      whole = !wasKilled();
      const memo = JSON.parse(JSON.stringify(killed.remembered() ?? null));
      const given = memo === null ? {} : { memo };
      await Promise.resolve(docker.post?.(lab.contextOf({}, { ...given, ...killedAfter(last % 4) }))).catch(() => 0);
      await docker.post?.(lab.contextOf({}, given));
      const services = ran(lab.engine.states()).map(([service]) => service);
      expect(services.sort(), `after call ${last}`).toEqual(['db', 'web']);
    }
  },
);

describe('what does not stop', () => {
  it('in time is a failure, and what had stopped is started', async () => {
    lab.engine.change((state) => {
      state.stubborn = ['db'];
    });
    const context = lab.contextOf({ stop_wait_seconds: 0 });
    await expect(docker.prepare?.(context)).rejects.toThrow(/shop-db-1: still not stopped 0 s .*`stop_wait_seconds`/);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it.each(['stop', 'down'])(
    'before docker is ended, but soon after (%s), is started all the same: the engine goes on by itself',
    async (mode) => {
      const context = lab.contextOf({ stop_mode: mode, stop_timeout: 7 });
      lab.engine.fault({ match: `compose ${mode}`, mode: 'late' });
      await expect(docker.prepare?.(context)).rejects.toThrow('killed');
      await docker.post?.(context);
      for (let later = 0; later < 9; later += 1) lab.compose('ps', '-q');
      expect(lab.engine.states()).toEqual(RUNNING);
      expect(lab.engine.calls().some((call) => call.startsWith('docker stop -t 7 '))).toBe(true);
    },
  );

  it('because docker does not answer, is not taken for a project of which nothing runs', async () => {
    lab.engine.fault({ match: 'inspect', mode: 'fail' });
    const context = lab.contextOf();
    await expect(docker.prepare?.(context)).rejects.toThrow(
      /docker inspect(.|\n)* failed with exit code 1\.(.|\n)*driver failed/,
    );
    expect(context.remembered()).toBeUndefined();
  });

  it('because it was started since, by a reboot, is left alone', async () => {
    lab.engine.fault({ match: 'compose stop', mode: 'fail' });
    const context = lab.contextOf();
    await expect(docker.prepare?.(context)).rejects.toThrow('driver failed');
    lab.compose('stop');
    lab.compose('start');
    const acts = lab.engine.acts().length;
    await docker.post?.(context);
    expect(lab.engine.acts()).toHaveLength(acts);
    expect(lab.engine.calls().some((call) => call.startsWith('docker stop'))).toBe(false);
  });

  it('a docker that hangs is ended', async () => {
    lab.engine.fault({ match: 'compose stop', mode: 'hang' });
    const context = lab.contextOf({ timeout: '2s' });
    await expect(docker.prepare?.(context)).rejects.toThrow('`timeout` of the task');
    await docker.post?.(lab.contextOf({}, { memo: context.remembered() ?? {} }));
    expect(lab.engine.states()).toEqual(RUNNING);
  });
});
