// SPDX-License-Identifier: AGPL-3.0-or-later

import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { createDockerLab } from '../helpers/docker-stand-in-lab.ts';
import { applyRestore } from '../helpers/plugin-context.ts';
import { copySaved } from '../helpers/saved-copy.ts';

const COMPOSE = `
services:
  web: {image: "nginx:1.25", depends_on: [db]}
  db: {image: "postgres:15", volumes: ["data:/data"]}
  idle: {image: "busybox"}
volumes: {data: {}}
`;

let lab: ReturnType<typeof createDockerLab>;

afterEach(() => lab.remove());

const restore = docker.restore ?? expect.fail('no restore');
const OPTIONS = { volumes: true, pin_images: true };

/** Saves as the core does. */
async function save() {
  const { trees = [] } = await docker.run(lab.contextOf(OPTIONS));
  copySaved(trees, lab.at('stage'), lab.at('copy'));
}

const restoreWith = (context: RestoreContext) => applyRestore(docker, context);

const table = (project = 'shop') => join(lab.engine.volume(`${project}_data`), 'table');

describe('restore', () => {
  beforeEach(async () => {
    lab = createDockerLab(COMPOSE);
    lab.compose('stop', 'idle');
    writeFileSync(table(), 'rows', { mode: 0o600 });
    chownSync(table(), 999, 999);
    await save();
  });

  it('onto an empty host: volume, files, and what ran when it was saved', async () => {
    lab.engine.change((state) => {
      state.containers = [];
      state.volumes = {};
    });
    rmSync(dirname(lab.engine.volume('shop_data')), { recursive: true });
    rmSync(lab.at('shop'), { recursive: true });
    const context = lab.restoreOf(OPTIONS);
    expect(await restore.plan(context)).toEqual([
      { action: 'create', what: 'volume shop_data, with its content' },
      { action: 'create', what: lab.file },
      { action: 'start', what: 'service db' },
      { action: 'start', what: 'service web' },
    ]);
    await restoreWith(context);
    expect(readFileSync(table(), 'utf8')).toBe('rows');
    expect(statSync(table())).toMatchObject({ uid: 999, gid: 999 });
    expect(lab.engine.states()).toEqual({ db: 'running', web: 'running' });
    expect(lab.engine.read().volumes.shop_data).toMatchObject({
      labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.volume': 'data' },
    });
  });

  it('in place: what is replaced stays beside it, and what ran before runs again', async () => {
    writeFileSync(table(), 'newer');
    writeFileSync(lab.file, `${COMPOSE}# changed\n`);
    lab.compose('stop', 'web');
    const context = lab.restoreOf({ ...OPTIONS, stop_timeout: 90 });
    const [aside] = await restoreWith(context);
    expect(lab.engine.calls().some((call) => call.startsWith('docker stop -t 90 '))).toBe(true);
    expect(readFileSync(table(), 'utf8')).toBe('rows');
    expect(readFileSync(lab.file, 'utf8')).toBe(COMPOSE);
    expect(aside).toContain(`${lab.engine.volume('shop_data')}.before-restore-`);
    expect(lab.engine.states()).toEqual({ web: 'exited', db: 'running', idle: 'exited' });
  });

  it('killed at any call: revert and start put the old state back', async () => {
    writeFileSync(table(), 'newer');
    writeFileSync(lab.file, `${COMPOSE}# changed\n`);
    const run = createRun({ scrub: (text) => text });
    for (let last = 0; ; last += 1) {
      let calls = 0;
      const exec: Run = async (...args) => {
        if (calls > last) throw new Error('killed');
        calls += 1;
        const result = await run(...args);
        if (calls > last) throw new Error('killed');
        return result;
      };
      const killed = lab.restoreOf(OPTIONS, { exec });
      const whole = await restoreWith(killed).then(
        () => calls <= last,
        () => false,
      );
      if (whole) break;
      const later = lab.restoreOf(OPTIONS, { memo: JSON.parse(JSON.stringify(killed.remembered() ?? {})) });
      if (killed.remembered() === undefined) continue;
      await restore.revert(later);
      await restore.start?.(later);
      expect(readFileSync(table(), 'utf8'), `after call ${last}`).toBe('newer');
      expect(readFileSync(lab.file, 'utf8')).toContain('# changed');
      expect(readdirSync(dirname(lab.engine.volume('shop_data')))).toEqual(['_data']);
      expect(lab.engine.states(), `after call ${last}`).toEqual({ web: 'running', db: 'running', idle: 'exited' });
    }
    expect(readFileSync(table(), 'utf8')).toBe('rows');
  });

  it('ended while it stops the project: what the engine goes on to stop is started again', async () => {
    const context = lab.restoreOf(OPTIONS);
    lab.engine.fault({ match: 'stop', mode: 'late' });
    await expect(restore.stop?.(context)).rejects.toThrow('killed');
    await restore.start?.(context);
    for (let later = 0; later < 9; later += 1) lab.compose('ps', '-q');
    expect(lab.engine.states()).toEqual({ web: 'running', db: 'running', idle: 'exited' });
  });

  it('with the images that were saved', async () => {
    const context = lab.restoreOf({ ...OPTIONS, restore_pinned: true });
    expect(await restore.plan(context)).toContainEqual({
      action: 'note',
      what: 'the images are those of docker-compose.pinned.yml, by their digests',
    });
    await restoreWith(context);
    const images = lab.engine.docker(
      'inspect',
      '--type',
      'container',
      ...lab.engine.read().containers.map(({ id }) => id),
    );
    expect(images).toMatch(/"Image":"nginx@sha256:[0-9a-f]{64}"/);
  });

  it('refuses what would be half a restore, all at once', async () => {
    const stray = {
      id: 'f'.repeat(64),
      service: 'x',
      name: 'x',
      image: 'postgres:15',
      state: 'running',
      starts: 1,
      exitCode: 0,
    };
    lab.engine.change((state) => {
      const mounts = [{ Type: 'volume', Name: 'shop_data', Source: '/x', RW: true }];
      state.containers.push({ ...stray, labels: {}, ...{ mounts } });
    });
    rmSync(lab.at('shop'), { recursive: true });
    mkdirSync(lab.at('elsewhere'));
    symlinkSync(lab.at('elsewhere'), lab.at('shop'));
    const error = await restore.plan(lab.restoreOf(OPTIONS)).catch(String);
    expect(error).toContain('Volume shop_data is used by containers that are not of this project');
    expect(error).toContain('leads through a symbolic link');
    await expect(restore.plan(lab.restoreOf({ compose_file: '/other.yml' }))).rejects.toThrow(
      'but service.yaml names /other.yml',
    );
  });

  it('refuses a volume whose files are not on this host', async () => {
    lab.engine.change((state) => {
      Object.assign(state.volumes.shop_data ?? {}, { driver: 'nfs' });
    });
    await expect(restore.plan(lab.restoreOf(OPTIONS))).rejects.toThrow('Volume shop_data cannot be filled');
  });

  it('a copy cannot have anything put into a directory of the system, or out of a link', async () => {
    const record = lab.at('copy/docker_config/project.json');
    const saved = JSON.parse(readFileSync(record, 'utf8'));
    const planWith = async (change: object) => {
      writeFileSync(record, JSON.stringify({ ...saved, ...change }));
      return restore.plan(lab.restoreOf(OPTIONS)).catch(String);
    };
    mkdirSync(lab.at('copy/binds/etc'), { recursive: true });
    expect(await planWith({ binds: ['/etc'] })).toContain('/etc is a directory of the system');
    expect(await planWith({ binds: ['/../etc'] })).toContain('project.json in the copy is damaged');
    symlinkSync('/etc', lab.at('copy/binds/link'));
    expect(await planWith({ binds: ['/link'] })).toContain('or is a link');
    expect(await planWith({ binds: ['/link/hostname'] })).toContain('or is a link');
    expect(await planWith({ volumes: [{ name: '../x' }] })).toContain('project.json in the copy is damaged');
  });

  it('a start that fails is a failure with the command to type', async () => {
    lab.engine.fault({ match: 'compose up', mode: 'fail' });
    lab.engine.fault({ match: 'start', mode: 'fail', times: 2 });
    const context = lab.restoreOf(OPTIONS);
    await expect(restoreWith(context)).rejects.toThrow(/NOT RUNNING: .*(.|\n)*compose -f .*compose\.yml up -d /);
    await restore.start?.(context);
    expect(lab.engine.states()).toMatchObject({ web: 'running', db: 'running' });
  });

  it('as another project beside the original', async () => {
    const context = lab.restoreOf(OPTIONS, { as: 'shop-test' });
    expect(await restore.plan(context)).toContainEqual({ action: 'start', what: 'service web' });
    await restoreWith(context);
    expect(readFileSync(table('shop-test'), 'utf8')).toBe('rows');
    expect(existsSync(lab.at('shop-test/compose.yml'))).toBe(true);
    const running = lab.engine.read().containers.filter(({ state }) => state === 'running');
    expect(running.map(({ labels }) => labels['com.docker.compose.project']).sort()).toEqual([
      'shop',
      'shop',
      'shop-test',
      'shop-test',
    ]);
    await expect(restore.plan(context)).rejects.toThrow('There is a project shop-test, or the directory');
  });
});

describe('restore under another name', () => {
  const planOf = async (yaml: string, as = 'copy2') => {
    lab = createDockerLab(yaml);
    await save();
    return restore.plan(lab.restoreOf(OPTIONS, { as })).catch(String);
  };

  it('is refused where both projects would share something', async () => {
    const error = await planOf(
      'services: {a: {image: a, volumes: ["./x:/x", "v:/v"]}}\nvolumes: {v: {name: shared}}',
      'Shop!',
    );
    expect(error).toContain('Shop! is no name for a project');
    expect(error).toContain('bind mounts');
    expect(error).toContain('Volume shared has this name in both projects');
  });

  it('does not start what cannot run twice', async () => {
    const steps = await planOf('services: {a: {image: a, ports: ["80:80"]}, b: {image: b, container_name: b}}');
    expect(steps).toContainEqual({
      action: 'note',
      what: expect.stringMatching(
        /^not started, because a publishes ports, b has a container_name\. Change that, then: cd .* -p copy2 up -d$/,
      ),
    });
  });
});
