// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { discoverServices } from './discover.ts';
import { definePlugin } from './plugin.ts';

const plugins = [
  definePlugin({ name: 'task', summary: 'Does nothing.', options: z.strictObject({}), run: async () => ({}) }),
];

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'discover-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(name: string, text: string, mode = 0o600): Promise<string> {
  const file = join(directory, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode });
  await chmod(file, mode);
  return file;
}

it('finds service.yaml and service.yml two and three levels deep, sorted', async () => {
  await put('docker/web/service.yaml', 'service: {name: web}\ntask:');
  await put('alone/service.yml', 'service: {name: alone}\ntask:');
  await put('docker/db/service.yml', 'service: {name: db}\ntask:');
  await put('service.yaml', 'service: {name: too-high}\ntask:');
  await put('a/b/c/service.yaml', 'service: {name: too-deep}\ntask:');
  await put('docker/web/other.yaml', 'x: 1');
  const { services, rejected } = await discoverServices(directory, plugins);
  expect(services.map(({ name, type }) => `${type}/${name}`)).toEqual([
    `${directory.split('/').at(-1)}/alone`,
    'docker/db',
    'docker/web',
  ]);
  expect(rejected).toEqual([]);
});

it('bad services are reported, the others go on', async () => {
  const open = await put('other/a/service.yaml', 'service: {name: a}\ntask:', 0o644);
  const broken = await put('other/b/service.yaml', 'service: [');
  const nameless = await put('other/c/service.yaml', 'service: {}\ntask: {x: 1}');
  await put('other/d/service.yaml', 'service: {name: d}\ntask:');
  const { services, rejected } = await discoverServices(directory, plugins);
  expect(services.map(({ name }) => name)).toEqual(['d']);
  expect(rejected).toEqual([
    { file: open, name: 'a', type: 'other', message: expect.stringContaining('has mode 0644') },
    { file: broken, name: 'b', type: 'other', message: expect.stringContaining('not valid YAML') },
    {
      file: nameless,
      name: 'c',
      type: 'other',
      message: expect.stringMatching(/2 mistakes(.|\n)*service\.name(.|\n)*task\.x/),
    },
  ]);
});

it('of two services of one type with the same name the second is rejected', async () => {
  const first = await put('docker/a/service.yaml', 'service: {name: web}\ntask:');
  const second = await put('docker/b/service.yaml', 'service: {name: web}\ntask:');
  await put('other/b/service.yaml', 'service: {name: web}\ntask:');
  const { services, rejected } = await discoverServices(directory, plugins);
  expect(services.map(({ type }) => type)).toEqual(['docker', 'other']);
  expect(rejected).toMatchObject([{ file: second, message: expect.stringContaining(`is in ${first} already`) }]);
});

it('services behind a symbolic link are not read, but told', async () => {
  await put('elsewhere/deep/web/service.yaml', 'service: {name: web}\ntask:');
  await put('docker/db/service.yaml', 'service: {name: db}\ntask:');
  await put('empty/web/readme.txt', '');
  await symlink('elsewhere/deep', join(directory, 'types'));
  await symlink('../elsewhere/deep/web', join(directory, 'docker', 'web'));
  await symlink('empty', join(directory, 'nothing'));
  await symlink('gone', join(directory, 'dangling'));
  const { services, rejected, warnings } = await discoverServices(directory, plugins);
  expect(services.map(({ name }) => name)).toEqual(['db']);
  expect(rejected).toEqual([]);
  expect(warnings).toEqual([
    expect.stringContaining(`${directory}/docker/web is a symbolic link to a directory and is not followed`),
    expect.stringContaining(`${directory}/types is a symbolic link`),
  ]);
});

it('a directory that is not there is an error', async () => {
  await expect(discoverServices(join(directory, 'none'), plugins)).rejects.toMatchObject({ code: 'config' });
});
