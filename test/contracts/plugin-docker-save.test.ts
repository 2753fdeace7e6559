// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { textOf } from '../../packages/common/src/byte-path.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { createDockerLab } from '../helpers/docker-stand-in-lab.ts';
import { copyContext } from '../helpers/plugin-context.ts';

const COMPOSE = `
services:
  web:
    image: registry.example.org:5000/shop/web:1.2
    labels: {traefik.enable: "true"}
    env_file: [env/web.env, {path: ../common.env}, none.env]
    volumes: ["./html:/srv:ro", "./html/img:/img", "./app.conf:/etc/app.conf", "media:/media"]
  db: {image: "local/db", volumes: ["data:/data", "/etc/localtime:/etc/localtime:ro"]}
  idle: {image: "busybox"}
volumes: {data: , media: {name: all-media}}
`;

let lab: ReturnType<typeof createDockerLab>;

beforeEach(() => {
  lab = createDockerLab(COMPOSE, (root) => {
    mkdirSync(join(root, 'shop/html/img'), { recursive: true });
    mkdirSync(join(root, 'shop/env'));
    writeFileSync(join(root, 'shop/.env'), 'TAG=1\n', { mode: 0o600 });
    writeFileSync(join(root, 'shop/env/web.env'), 'A=1\n');
    writeFileSync(join(root, 'shop/app.conf'), 'x\n');
    writeFileSync(join(root, 'common.env'), 'B=1\n');
  });
  lab.engine.change((state) => {
    for (const container of state.containers) if (container.service === 'idle') container.state = 'exited';
  });
});

afterEach(() => lab.remove());

const staged = (name: string) => readFileSync(lab.at('stage/docker_config', name), 'utf8');

describe('the files of the project', () => {
  it('are saved with their place, mode and time: compose file, .env, env_files inside and outside', async () => {
    chmodSync(lab.at('shop/env/web.env'), 0o640);
    for (const name of ['.env', 'env/web.env']) utimesSync(lab.at('shop', name), 1_000_000, 1_000_000);
    await docker.run(lab.contextOf());
    expect(staged('compose.yml')).toBe(COMPOSE);
    for (const name of ['.env', 'env/web.env']) {
      const [saved, own] = [statSync(lab.at('stage/docker_config', name)), statSync(lab.at('shop', name))];
      expect([saved.mode, saved.mtimeMs]).toEqual([own.mode, 1_000_000_000]);
    }
    expect(staged(`outside${lab.at('common.env')}`)).toBe('B=1\n');
    expect(existsSync(lab.at('stage/docker_config/none.env'))).toBe(false);
    const project = JSON.parse(staged('project.json'));
    expect(project).toMatchObject({
      ...{ project: 'shop', services: ['db', 'idle', 'web'], running: ['db', 'web'] },
      labels: { db: {}, web: { 'traefik.enable': 'true' } },
    });
  });

  it('and the record are the same bytes in the next run, whether the project is stopped or not', async () => {
    await docker.run(lab.contextOf());
    const first = staged('project.json');
    rmSync(lab.at('stage/docker_config'), { recursive: true });
    const context = lab.contextOf();
    await docker.prepare?.(context);
    await docker.run(context);
    expect(staged('project.json')).toBe(first);
  });

  it('are left out on request; what a restore has to know is saved', async () => {
    await docker.run(lab.contextOf({ backup_config: false }));
    expect(existsSync(lab.at('stage/docker_config/compose.yml'))).toBe(false);
    expect(JSON.parse(staged('project.json'))).toMatchObject({ project: 'shop', files: [] });
  });

  it('a file whose name holds a variable is a warning', async () => {
    writeFileSync(lab.file, COMPOSE.replace('none.env', '"${STAGE}.env"'));
    const { warnings } = await docker.run(lab.contextOf());
    expect(warnings).toEqual([expect.stringContaining('${STAGE}.env holds a variable, so the file is not saved')]);
  });
});

describe('files that are elsewhere', () => {
  it('what is included from another host is a warning, a link that leads nowhere is no file', async () => {
    const remote = 'https://example.org/base.git';
    writeFileSync(lab.file, `include: ["${remote}"]\n${COMPOSE}`);
    rmSync(lab.at('shop/.env'));
    symlinkSync('/no/such', lab.at('shop/.env'));
    const { warnings } = await docker.run(lab.contextOf());
    expect(warnings).toEqual([expect.stringContaining(`${remote} is no file of this host`)]);
    expect(JSON.parse(staged('project.json')).files).toHaveLength(3);
  });
});

describe('images', () => {
  it('are pinned to the digests of their registry; what no registry has by its id, what does not run not at all', async () => {
    const { warnings, facts = {} } = await docker.run(lab.contextOf({ pin_images: true }));
    const text = staged('docker-compose.pinned.yml');
    expect(text).toMatch(/"web":\n {4}image: "registry\.example\.org:5000\/shop\/web@sha256:[0-9a-f]{64}"/);
    expect(text).toMatch(/"db":\n {4}image: "sha256:[0-9a-f]{64}"/);
    expect(text).not.toContain('idle');
    expect(warnings).toEqual([
      expect.stringContaining('db: no registry has its image local/db'),
      expect.stringContaining('idle does not run, so its image is not pinned'),
    ]);
    expect(facts['image web']).toMatch(/^registry\.example\.org:5000\/shop\/web@sha256:/);
    expect(facts).toMatchObject({ project: 'shop', running: 'db web' });
  });

  it('of containers that `down` has removed', async () => {
    const context = lab.contextOf({ pin_images: true, stop_mode: 'down' });
    await docker.prepare?.(context);
    expect(lab.engine.states()).toEqual({});
    const { facts } = await docker.run(context);
    await docker.post?.(context);
    expect(facts).toHaveProperty('image web');
  });
});

describe('volumes', () => {
  const treesOf = async (options: object = {}) => {
    const { trees = [], warnings = [] } = await docker.run(lab.contextOf({ volumes: true, ...options }));
    return {
      warnings,
      trees: trees.map(({ into, root, paths }) => [into, root, ...paths.map((path) => textOf(path))]),
    };
  };

  it('are named volumes by their name and bind mounts by their path, each once', async () => {
    expect(await treesOf()).toEqual({
      warnings: [],
      trees: [
        ['volumes/all-media', lab.engine.volume('all-media'), '.'],
        ['volumes/shop_data', lab.engine.volume('shop_data'), '.'],
        ['binds', '/', lab.at('shop/app.conf').slice(1), lab.at('shop/html').slice(1)],
      ],
    });
  });

  it('are left out on request', async () => {
    const { trees } = await treesOf({
      exclude_volumes: ['media', 'shop_data', lab.at('shop/html'), lab.at('shop/html/img')],
    });
    expect(trees).toEqual([['binds', '/', lab.at('shop/app.conf').slice(1)]]);
    rmSync(lab.at('stage/docker_config'), { recursive: true });
    const { trees: none = [] } = await docker.run(lab.contextOf());
    expect(none).toEqual([]);
  });

  it('of which docker cannot say where they are fail the task: they are not taken for new ones', async () => {
    lab.engine.fault({ match: 'volume inspect', mode: 'fail' });
    await expect(treesOf()).rejects.toThrow('driver failed');
  });

  it('that only a running container mounts, system directories and missing ones are warnings; sockets are not saved', async () => {
    const socket = lab.at('engine.sock');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    lab.engine.change((state) => {
      Object.assign(state.volumes.shop_data ?? {}, { options: { type: 'nfs', o: 'addr=x', device: ':/x' } });
      const [container] = state.containers.filter(({ service }) => service === 'web');
      const mounts = ['/etc', '/no/such', '/proc/sys', socket].map((Source) => ({
        Type: 'bind',
        Source,
        RW: true,
      }));
      Object.assign(container ?? {}, { mounts });
    });
    const { trees, warnings } = await treesOf();
    server.close();
    expect(trees).toEqual([['volumes/all-media', lab.engine.volume('all-media'), '.']]);
    expect(warnings).toEqual([
      expect.stringMatching(/^Volume shop_data is mounted by its driver \(local, nfs\) only while a container runs/),
      expect.stringContaining('Bind mount /etc is a directory of the system'),
      expect.stringContaining('Bind mount /no/such does not exist'),
    ]);
  });
});

it('a whole run: stopped while its volumes are read, back before the archive is finished, and in the manifest', async () => {
  const client = createClientLab();
  const path = process.env.PATH;
  process.env.PATH = `${lab.engine.bin}:${path}`;
  writeFileSync(join(lab.engine.volume('shop_data'), 'table'), 'rows');
  client.addService('web/shop', `service: {name: shop}\ndocker: {docker_compose_path: ${lab.file}, volumes: true}\n`);
  try {
    await client.run([docker]);
    const [archive = ''] = client.published();
    const [service] = client.manifestOf(archive).services;
    expect(service).toMatchObject({ status: 'success', tasks: [{ plugin: 'docker', facts: { running: 'db web' } }] });
    expect(client.contentOf(archive, 'web/shop/volumes/shop_data/table')).toBe('rows');
    expect(client.contentOf(archive, `web/shop/binds${lab.at('shop/app.conf')}`)).toBe('x\n');
    expect(client.contentOf(archive, 'web/shop/docker_config/compose.yml')).toBe(COMPOSE);
    expect(lab.engine.states()).toEqual({ web: 'running', db: 'running', idle: 'exited' });
    expect(client.undoEntries()).toEqual([]);
  } finally {
    process.env.PATH = path;
    client.remove();
  }
});

describe('verify', () => {
  const failures = async () => {
    const options = { options: { compose_file: lab.file }, tools: lab.engine.tools };
    const checks = await docker.verify?.(
      copyContext(docker, { ...options, copy: lab.at('stage'), scratch: lab.at('scratch') }),
    );
    return (checks ?? []).filter(({ status }) => status === 'failed').map(({ name, message }) => `${name}: ${message}`);
  };

  const DAMAGES = [
    ['compose.yml', 'services: [', 'not valid YAML'],
    ['compose.yml', 'services: {web: , db: }', 'no compose file names idle'],
    ['docker-compose.pinned.yml', 'services:\n  "a":\n    image: "nginx:1"\n', 'nginx:1 is no digest'],
    ['project.json', '{"format":1}', 'project.json in the copy is damaged'],
    ['project.json', undefined, 'is not in the copy'],
  ] as const;

  it('finds damaged files, lost services, loose images, and a record that leads out of the copy', async () => {
    await docker.run(lab.contextOf({ pin_images: true }));
    expect(await failures()).toEqual([]);
    for (const [name, text, message] of DAMAGES) {
      const before = staged(name);
      const evil = staged('project.json').replace('"saved": ".env"', '"saved": "../../../etc/passwd"');
      writeFileSync(lab.at('stage/docker_config', name), text ?? evil);
      expect((await failures()).join(), name).toContain(message);
      writeFileSync(lab.at('stage/docker_config', name), before);
    }
    rmSync(lab.at('stage/docker_config/.env'));
    symlinkSync('/etc/passwd', lab.at('stage/docker_config/.env'));
    expect(await failures()).toEqual([expect.stringContaining('docker_config/.env: ')]);
  });
});
