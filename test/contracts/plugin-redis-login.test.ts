// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redis } from '../../packages/client/src/plugins/redis/index.ts';
import type { Flavour } from '../../packages/client/src/plugins/redis/options.ts';
import { redisPlugin } from '../../packages/client/src/plugins/redis/plugin.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { RedisLab } from '../helpers/redis-lab.ts';

const lab = new RedisLab();
const FLAVOUR: Flavour = {
  name: 'redis',
  title: 'Redis',
  client: ['redis-cli'],
  server: ['redis-server'],
  checker: ['redis-check-rdb'],
  clientPackage: 'redis-tools',
  serverPackage: 'redis-server',
};

const PASSWORD = 'pass word"$(x)';
let root: string;

let port: number;

beforeAll(async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  port = (probe.address() as AddressInfo).port;
  probe.close();
  await once(probe, 'close');
  await lab.start('--port', String(port));
});
afterAll(() => lab.remove());

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'redis-'));
  mkdirSync(join(root, 'stage'), { mode: 0o700 });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const contextOf = (more: object = {}, given: object = {}) =>
  pluginContext(redis, { options: { socket: lab.socket, ...more }, stage: join(root, 'stage'), ...given });

it('refuses a password in service.yaml, and options that contradict each other', () => {
  const refused = (options: object) => redis.options.safeParse(options).error?.issues[0]?.message;
  expect(refused({ password: 'x' })).toMatch(/must not be in a service.yaml/);
  expect(refused({ container: 'c', socket: '/s' })).toMatch(/sockets inside/);
  expect(refused({ container: 'c', method: 'bgsave' })).toMatch(/the file is inside/);
});

it('asks for the password where the server wants one', async () => {
  lab.cli(['ACL', 'SETUSER', 'default', '>other']);
  try {
    await expect(redis.validate?.(contextOf())).rejects.toThrow(/NOAUTH.*`password_file`/);
  } finally {
    lab.cli(['-a', 'other', '--no-auth-warning', 'ACL', 'SETUSER', 'default', 'nopass']);
  }
});

it('names the package that is missing', async () => {
  // Programs of the system are always looked for, too: a name that is not there takes the place of the right one.
  const nowhere = redisPlugin({ ...FLAVOUR, client: ['no-such-redis-cli'] });
  const context = pluginContext(nowhere, { options: { socket: lab.socket }, stage: join(root, 'stage') });
  await expect(nowhere.validate?.(context)).rejects.toThrow(/no-such-redis-cli is not installed.*redis-tools/);
});

it('does not take half a file for whole, though redis-cli says so', async () => {
  const client = join(root, 'redis-cli');
  writeFileSync(client, "#!/bin/sh\nprintf 'REDIS0010 and so on, but no end'", { mode: 0o755 });
  const halving = redisPlugin({ ...FLAVOUR, client: [client] });
  const context = pluginContext(halving, { options: { socket: lab.socket }, stage: join(root, 'stage') });
  await expect(halving.run(context)).rejects.toThrow(/is not whole: it ends before its end mark/);
  expect(readdirSync(join(root, 'stage/redis'))).toEqual([]);
});

/** Stands in for docker, the container being this machine: `inspect` and `exec -i [--env NAME] CONTAINER PROGRAM ...`. */
function dockerIn(directory: string): { readonly docker_cmd: string; readonly calls: string } {
  const docker = join(directory, 'docker');
  const calls = join(directory, 'calls');
  const lines = ['#!/bin/sh', `echo "$@" >> ${calls}`, '[ "$1" = inspect ] && { echo "127.0.0.1 "; exit; }'];
  const rest = ['[ "$3" = --env ] && shift 2', 'shift 3', 'exec "$@"'];
  writeFileSync(docker, [...lines, ...rest].join('\n'), { mode: 0o755 });
  return { docker_cmd: `${docker} compose`, calls };
}

it('waits for a server in a container that was started a moment ago, before it puts anything back', async () => {
  const { docker_cmd, calls } = dockerIn(root);
  for (const name of ['scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  lab.cli(['SET', 'a', '1']);
  const given = { options: { container: 'cache-1', port }, tools: { docker_cmd } };
  await redis.run(pluginContext(redis, { ...given, stage: join(root, 'stage') }));
  const places = { copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') };
  await lab.stop();
  rmSync(calls);
  let end = '';
  const applying = redis.restore?.apply(restoreContext(redis, { ...given, ...places })).catch(({ message }: Error) => {
    end = message;
  });
  const tries = () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0);
  await expect.poll(() => end !== '' || tries() > 1, { timeout: 60_000 }).toBe(true);
  await lab.start('--port', String(port));
  await applying;
  expect(end).toBe('');
  expect(lab.cli(['GET', 'a'])).toBe('1');
});

it('saves from a container, by the program in it and its own address', async () => {
  const { docker_cmd, calls } = dockerIn(root);
  writeFileSync(join(root, 'password'), 'other', { mode: 0o600 });
  lab.cli(['SET', 'a', '1']);
  lab.cli(['ACL', 'SETUSER', 'default', '>other']);
  try {
    const options = { container: 'cache-1', port, password_file: join(root, 'password') };
    const context = pluginContext(redis, {
      options,
      stage: join(root, 'stage'),
      tools: { docker_cmd },
    });
    await redis.validate?.(context);
    expect((await redis.run(context)).facts).toMatchObject({ keys: '1' });
    const said = readFileSync(calls, 'utf8');
    expect(said).toContain(`exec -i --env REDISCLI_AUTH cache-1 redis-cli -p ${port} --rdb -`);
    expect(said).not.toContain('other');
  } finally {
    lab.cli(['-a', 'other', '--no-auth-warning', 'ACL', 'SETUSER', 'default', 'nopass']);
  }
});

it('gives up on a server that is frozen', async () => {
  lab.freeze(true);
  try {
    await expect(redis.validate?.(contextOf({ timeout: '1s' }))).rejects.toThrow(
      /Redis server at .*: no answer for 1 s/,
    );
  } finally {
    lab.freeze(false);
  }
});

it('says that nobody listens at a port', async () => {
  const context = pluginContext(redis, { options: { port: 1 }, stage: join(root, 'stage') });
  await expect(redis.validate?.(context)).rejects.toThrow(
    /Cannot talk to the Redis server at 127\.0\.0\.1:1: .*REFUSED/,
  );
});

describe('with a password', () => {
  const file = () => join(root, 'password');

  beforeEach(() => {
    writeFileSync(file(), `${PASSWORD}\n`, { mode: 0o600 });
    lab.cli(['ACL', 'SETUSER', 'backup', 'on', '~*', '&*', '+@all', `>${PASSWORD}`]);
    lab.cli(['ACL', 'SETUSER', 'default', 'resetpass', '-@all', '+auth']);
  });

  afterEach(() => {
    execFileSync('redis-cli', ['-s', lab.socket, '--user', 'backup', 'ACL', 'SETUSER', 'default', 'nopass', '+@all'], {
      env: { ...process.env, REDISCLI_AUTH: PASSWORD },
    });
  });

  it('logs in as a user, and shows the password to nobody', async () => {
    const calls: string[] = [];
    const real = createRun({ scrub: (text) => text });
    const exec: typeof real = (program, args, options) => {
      calls.push([program, ...args].join(' '));
      return real(program, args, options);
    };
    const options = { user: 'backup', password_file: file() };
    await redis.validate?.(contextOf(options, { exec }));
    const result = await redis.run(contextOf(options, { exec }));
    expect(calls.join('\n')).toMatch(/--user backup --rdb -/);
    expect(JSON.stringify([calls, result.facts])).not.toContain(PASSWORD);
  });

  it('says that the login was refused, without the password', async () => {
    writeFileSync(file(), 'wrong-secret');
    const context = contextOf({ user: 'backup', password_file: file() });
    const error = await redis.validate?.(context).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toMatch(/refused the login of backup.*`password_file`/s);
    expect(error?.message).not.toContain('wrong-secret');
  });

  it('refuses a password file that others may read', async () => {
    chmodSync(file(), 0o644);
    await expect(redis.validate?.(contextOf({ password_file: file() }))).rejects.toThrow(/chmod 600/);
  });
});
