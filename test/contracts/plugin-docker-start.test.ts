// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const states = (web: string, db: string, cache: string) => ({ web, db, cache });
const RUNNING = states('running', 'running', 'running');

describe('what does not start', () => {
  const stopped = async () => {
    const context = lab.contextOf();
    await docker.prepare?.(context);
    return context;
  };

  it('is tried a second time, by the engine', async () => {
    const context = await stopped();
    lab.engine.fault({ match: 'compose start', mode: 'fail' });
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('is a loud failure with the command to type, and the next run can do better', async () => {
    const context = await stopped();
    lab.engine.fault({ match: 'compose start', mode: 'fail' });
    lab.engine.fault({ match: 'start', mode: 'fail', times: 3 });
    const error = await docker.post?.(context)?.catch((reason: unknown) => String(reason));
    expect(error).toMatch(/NOT RUNNING: .*shop-web-1/);
    expect(error).toContain('driver failed');
    const ids = [...(error ?? '').matchAll(/docker start ([0-9a-f]{64})$/gm)].map(([, id]) => id);
    expect(ids).toHaveLength(3);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('where docker does not answer at all, is a loud failure too', async () => {
    const context = await stopped();
    for (const match of ['inspect', 'compose', 'start']) lab.engine.fault({ match, mode: 'fail', times: 99 });
    await expect(docker.post?.(context)).rejects.toThrow(/NOT RUNNING: .*shop-db-1(.|\n)*Type:\n {2}.*docker start /);
    lab.engine.change((state) => {
      state.faults = [];
    });
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('is found out where docker only says that it started it', async () => {
    const context = await stopped();
    lab.engine.fault({ match: 'compose start', mode: 'lie' });
    lab.engine.fault({ match: 'start', mode: 'lie', times: 3 });
    await expect(docker.post?.(context)).rejects.toThrow('it was started and does not run');
  });

  it('is no failure where it was started and is done', async () => {
    const context = await stopped();
    lab.engine.change((state) => {
      state.endsAtOnce = ['cache'];
    });
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(states('running', 'running', 'exited'));
  });

  it('is made again where somebody has removed the container meanwhile', async () => {
    const context = await stopped();
    lab.engine.change((state) => {
      state.containers = state.containers.filter(({ service }) => service !== 'db');
    });
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });

  it('can be started without the compose file', async () => {
    const context = await stopped();
    rmSync(lab.file);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
  });
});

describe('other programs', () => {
  const PATH = process.env.PATH ?? '';

  afterEach(() => {
    process.env.PATH = PATH;
  });

  it.each(['podman-compose', 'docker-compose', 'podman compose'])('%s', async (words) => {
    process.env.PATH = `${lab.engine.bin}:${PATH}`;
    lab.compose('stop', 'cache');
    const context = lab.contextOf({}, { tools: { docker_cmd: words } });
    expect(await docker.validate?.(context)).toEqual([]);
    await docker.prepare?.(context);
    expect(lab.engine.states()).toEqual(states('exited', 'exited', 'exited'));
    await docker.run(context);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(states('running', 'running', 'exited'));
    expect(
      lab.engine
        .calls()
        .some((call) => call.startsWith(words.startsWith('podman') ? 'podman inspect' : 'docker inspect')),
    ).toBe(true);
    expect(lab.engine.acts().slice(-2)).toEqual(['stop web', 'stop db']);
  });

  it.each(['stop', 'down'])('podman, which starts what others depend on: it is stopped again: %s', async (mode) => {
    process.env.PATH = `${lab.engine.bin}:${PATH}`;
    lab.compose('stop', 'cache');
    lab.engine.change((state) => {
      state.isRequiring = true;
    });
    const context = lab.contextOf({ stop_mode: mode }, { tools: { docker_cmd: 'podman-compose' } });
    await docker.prepare?.(context);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(states('running', 'running', 'exited'));
    const started = lab.engine.read().containers.find(({ service }) => service === 'cache');
    expect(started).toMatchObject({ starts: mode === 'stop' ? 2 : 1 });
  });

  it('podman-compose of Debian 12, which has no `config`', async () => {
    process.env.PATH = `${lab.engine.bin}:${PATH}`;
    lab.engine.change((state) => {
      state.isOldPodman = true;
    });
    const context = lab.contextOf({}, { tools: { docker_cmd: 'podman-compose' } });
    expect(await docker.validate?.(context)).toEqual([]);
    await docker.prepare?.(context);
    await docker.post?.(context);
    expect(lab.engine.states()).toEqual(RUNNING);
    expect(lab.engine.acts().slice(3, 6)).toEqual(['stop web', 'stop db', 'stop cache']);
  });
});

describe('validate', () => {
  const complaint = async (options: object, tools?: Record<string, string>) => {
    const context = lab.contextOf(options, tools === undefined ? {} : { tools });
    const error = await docker.validate?.(context).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'config' });
    return String(error);
  };

  it('names everything that is missing', async () => {
    const missing = { compose_file: lab.at('none.yml'), env_file: lab.root, project_directory: '/no/such' };
    const text = await complaint(missing, { docker_cmd: '/no/docker compose' });
    expect(text).toContain('/no/docker not found');
    expect(text).toContain('docker-compose, or podman');
    expect(text).toContain('none.yml does not exist');
    expect(text).toContain('/no/such, does not exist');
    expect(text).toContain(`${lab.root} is no file`);
  });

  it('names the key that is in service.yaml', async () => {
    const [file, key] = [lab.at('none.yml'), 'docker_compose_path'];
    expect(await complaint({ compose_file: undefined, [key]: file })).toContain(
      `none.yml does not exist. Correct \`${key}\`.`,
    );
    expect(await complaint({ compose_file: file })).toContain('Correct `compose_file`.');
    expect(await complaint({ env_file: lab.at('none.env') })).toContain('Correct `env_file`.');
  });

  it('a file that compose refuses, and a docker that does not answer', async () => {
    writeFileSync(lab.file, 'services: [');
    expect(await complaint({})).toContain('yaml: ');
    writeFileSync(lab.file, COMPOSE);
    lab.engine.fault({ match: 'compose ps', mode: 'fail', times: 2 });
    expect(await complaint({})).toContain(`ps -a`);
  });

  it('a docker without compose: what to install, or to set', async () => {
    lab.engine.fault({ match: 'compose config', mode: 'fail', message: "unknown shorthand flag: 'f' in -f", times: 2 });
    expect(await complaint({})).toContain('set `docker_cmd: docker-compose` in client_config.yml');
  });

  it('a container whose service compose would not stop is a warning', async () => {
    writeFileSync(lab.file, COMPOSE.replace(/ {2}cache: .*/, '').replace(', cache', ''));
    expect(await docker.validate?.(lab.contextOf())).toEqual([
      expect.stringContaining(
        'Container shop-cache-1 belongs to the project, but its service is not in the compose file',
      ),
    ]);
  });

  it('a service that is not in the file', async () => {
    expect(await complaint({ stop_services: ['web', 'nginx'] })).toContain(
      'has no service `nginx`; it has web, db, cache',
    );
  });

  it('down, where data in a volume without a name would be lost', async () => {
    writeFileSync(lab.file, COMPOSE.replace('"redis:7"', '"redis:7", volumes: ["/data"]'));
    lab.compose('down');
    lab.compose('up', '-d');
    expect(await complaint({ stop_mode: 'down' })).toContain(
      'would take container shop-cache-1 away from its anonymous volume',
    );
    expect(await docker.validate?.(lab.contextOf())).toEqual([]);
  });
});

it('calls the engine with nothing but what is in its manual: the stand-in refuses the rest', () => {
  expect(() => lab.compose('stop', '--now')).toThrow('unknown flag: --now');
  expect(readFileSync(lab.at('docker-home', 'calls'), 'utf8')).toContain('--now');
});
