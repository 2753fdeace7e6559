// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { createDockerLab } from '../helpers/docker-stand-in-lab.ts';
import { applyRestore } from '../helpers/plugin-context.ts';
import { copySaved } from '../helpers/saved-copy.ts';

const COMPOSE = `
services:
  web: {image: "nginx:1.25", depends_on: [db]}
  db: {image: "postgres:15"}
  idle: {image: "busybox"}
`;

let lab: ReturnType<typeof createDockerLab>;

beforeEach(async () => {
  lab = createDockerLab(COMPOSE);
  lab.compose('stop', 'idle');
  const { trees = [] } = await docker.run(lab.contextOf({}));
  copySaved(trees, lab.at('stage'), lab.at('copy'));
});

afterEach(() => lab.remove());

const web = (fares: NonNullable<Parameters<typeof fare>[1]>) => fare('web', fares);

function fare(service: string, fares: { State?: object; RestartCount?: number; Healthcheck?: object }) {
  lab.engine.change((state) => {
    for (const container of state.containers) if (container.service === service) container.fares = fares;
  });
}

const verify = async (context: RestoreContext) => (await docker.restore?.verify?.(context)) ?? [];

/** Of a health check, in nanoseconds: quick. */
const QUICK = { Interval: 1e6, Timeout: 1e6, StartPeriod: 1e6, Retries: 1 };

/** Started long enough ago that nobody waits for it. */
const OLD = '2020-01-01T00:00:00Z';

describe('a compose project that runs again', () => {
  it('is proven by the health of its containers, and by what stays up', async () => {
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    web({ State: { Health: { Status: 'healthy' } } });
    expect(await verify(context)).toEqual([
      { name: 'service db', status: 'ok', message: 'it runs' },
      { name: 'service web', status: 'ok', message: 'it is healthy' },
    ]);
  });

  it.each([
    ['starting', {}],
    // With a quick health check and nothing for the start, that takes seconds; the program may take longer.
    ['unhealthy', QUICK],
  ])('is waited for while it has just begun: %s', async (Status, Healthcheck) => {
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    web({ State: { Health: { Status }, StartedAt: new Date().toISOString() }, Healthcheck });
    const looking = verify(context);
    const calls = lab.engine.calls().length;
    await expect.poll(() => lab.engine.calls().length, { timeout: 60_000 }).toBeGreaterThan(calls + 4);
    web({ State: { Health: { Status: 'healthy' } } });
    expect((await looking).map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it.each([
    [
      'unhealthy',
      { State: { Health: { Status: 'unhealthy' }, StartedAt: OLD }, Healthcheck: QUICK },
      'is unhealthy. See its log.',
    ],
    ['down', { State: { Status: 'exited', ExitCode: 3 } }, 'does not run: exited, exit code 3. See its log.'],
  ])('fails where a container is %s', async (_, fares, message) => {
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    web(fares);
    expect(await verify(context)).toContainEqual({
      name: 'service web',
      status: 'failed',
      message: expect.stringMatching(new RegExp(`^container \\S+ ${message.replaceAll('.', '\\.')}$`)),
    });
  });

  it('fails where a service has no container, and tells where one has ended without error', async () => {
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    fare('db', { State: { Status: 'exited', ExitCode: 0 } });
    lab.engine.change((state) => {
      state.containers = state.containers.filter(({ service }) => service !== 'web');
    });
    expect((await verify(context)).map(({ status, message }) => [status, message])).toEqual([
      ['skipped', 'it ran before, was started, and has ended by itself, without error'],
      ['failed', 'it has no container'],
    ]);
  });

  it('is not held against the copy where it was unhealthy before', async () => {
    web({ State: { Health: { Status: 'unhealthy' }, StartedAt: OLD }, Healthcheck: QUICK });
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    const [, found] = await verify(context);
    expect(found).toMatchObject({ status: 'skipped', message: expect.stringContaining('before the restore as well') });
  });

  it('is told as not looked at where nothing ran, and cannot be looked at without an engine', async () => {
    lab.compose('stop');
    const idle = lab.restoreOf({});
    await applyRestore(docker, idle);
    expect((await verify(idle)).map(({ status }) => status)).toEqual(['skipped']);
    lab.compose('up', '-d');
    const context = lab.restoreOf({});
    await applyRestore(docker, context);
    lab.engine.fault({ match: 'ps', mode: 'fail' });
    await expect(verify(context)).rejects.toThrow('driver failed');
  });
});
