// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
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

const stopAndStart = async (options: object = {}) => {
  const context = lab.contextOf(options);
  await docker.prepare?.(context);
  const quiet = lab.engine.states();
  await docker.post?.(context);
  return quiet;
};

const states = (web: string, db: string, cache: string) => ({ web, db, cache });
const RUNNING = states('running', 'running', 'running');

describe('what runs is stopped, and exactly that is started again, in the order of dependencies', () => {
  it('with stop and start', async () => {
    expect(await stopAndStart()).toEqual(states('exited', 'exited', 'exited'));
    expect(lab.engine.states()).toEqual(RUNNING);
    expect(lab.engine.acts().slice(3)).toEqual([
      ...['stop web', 'stop cache', 'stop db'],
      ...['start cache', 'start db', 'start web'],
    ]);
    const calls = lab.engine.calls().map((call) => call.replaceAll(lab.file, 'F'));
    expect(calls).toContain('docker compose -f F stop cache db web');
    expect(calls).toContain('docker compose -f F start cache db web');
  });

  it.each([
    // One by one, by the engine: `docker compose start web` would start `cache` too.
    ['stop', ['docker start db', 'docker start web']],
    ['down', ['start db', 'start web']],
    ['pause', ['unpause db', 'unpause web']],
  ])('of three services of which one was stopped beforehand, two run again: %s', async (mode, acts) => {
    lab.compose('stop', 'cache');
    await stopAndStart({ stop_mode: mode });
    const running = Object.entries(lab.engine.states()).filter(([, state]) => state === 'running');
    expect(running.map(([name]) => name).sort()).toEqual(['db', 'web']);
    const { containers } = lab.engine.read();
    const calls = lab.engine
      .calls()
      .map((call) => containers.reduce((text, one) => text.replace(one.id, one.service), call));
    expect(
      (mode === 'stop' ? calls.filter((call) => /^docker start/.test(call)) : lab.engine.acts()).slice(-2),
    ).toEqual(acts);
  });

  it('what was stopped beforehand stays so, though another service depends on it', async () => {
    lab.compose('stop', 'cache');
    await stopAndStart();
    expect(lab.engine.states()).toEqual(states('running', 'running', 'exited'));
  });

  it('so does a container of a service of which others ran', async () => {
    lab.compose('up', '-d', '--scale', 'cache=3');
    const [, second] = lab.engine.read().containers.filter(({ service }) => service === 'cache');
    lab.engine.docker('stop', second?.id ?? '');
    const before = lab.engine.read().containers.map(({ id, state }) => [id, state]);
    await stopAndStart();
    expect(lab.engine.read().containers.map(({ id, state }) => [id, state])).toEqual(before);
  });

  it('with down and up', async () => {
    expect(await stopAndStart({ stop_mode: 'down', stop_timeout: 5 })).toEqual({});
    expect(lab.engine.states()).toEqual(RUNNING);
    const calls = lab.engine.calls().map((call) => call.replaceAll(lab.file, 'F'));
    expect(calls).toContain('docker compose -f F down -t 5');
    expect(calls).toContain('docker compose -f F up -d --no-build --no-recreate cache db web');
  });

  it('with down and up, what did not run is not made', async () => {
    lab.compose('stop', 'cache');
    await stopAndStart({ stop_mode: 'down' });
    expect(lab.engine.states()).toEqual({ db: 'running', web: 'running' });
    expect(lab.engine.acts().slice(-2)).toEqual(['start db', 'start web']);
  });

  it('with down and up, as many containers of a service as before', async () => {
    lab.compose('up', '-d', '--scale', 'db=2');
    await stopAndStart({ stop_mode: 'down' });
    expect(lab.engine.read().containers.filter(({ service }) => service === 'db')).toHaveLength(2);
  });

  it('with pause and unpause', async () => {
    lab.compose('stop', 'cache');
    expect(await stopAndStart({ stop_mode: 'pause' })).toEqual(states('paused', 'paused', 'exited'));
    expect(lab.engine.states()).toEqual(states('running', 'running', 'exited'));
  });

  it('what was paused is started after a reboot', async () => {
    const context = lab.contextOf({ stop_mode: 'pause' });
    await docker.prepare?.(context);
    lab.engine.change((state) => {
      for (const container of state.containers) container.state = 'exited';
    });
    await docker.post?.(lab.contextOf({}, { memo: context.remembered() ?? {} }));
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('only the services of a list', async () => {
    expect(await stopAndStart({ stop_services: ['web'] })).toEqual(states('exited', 'running', 'running'));
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('nothing, where nothing is to be stopped', async () => {
    const context = lab.contextOf({ stop_services: false });
    await docker.prepare?.(context);
    expect(context.remembered()).toBeUndefined();
    lab.compose('stop');
    const idle = lab.contextOf();
    await docker.prepare?.(idle);
    expect(idle.remembered()).toBeUndefined();
  });
});
