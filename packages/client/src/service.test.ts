// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin } from './plugin.ts';
import { parseService } from './service.ts';

const files = definePlugin({
  name: 'files',
  summary: 'Saves files.',
  options: z.strictObject({
    paths: z.array(z.string().regex(/^\//, 'must be an absolute path')).min(1).describe('What to save.'),
    exclude: z.array(z.string()).prefault([]),
  }),
  run: async () => ({}),
});
const other = definePlugin({
  name: 'other',
  summary: 'Has only options with defaults.',
  options: z.strictObject({ level: z.int().prefault(1) }),
  run: async () => ({}),
});

const FILE = '/etc/backup/other/pihole/service.yaml';
const read = (text: string, file = FILE) => parseService(text, file, [files, other]);

describe("the original's files are read unchanged", () => {
  const original = async (name: string) =>
    readFile(new URL(`../../../test/fixtures/original-config/${name}`, import.meta.url), 'utf8');

  it('pihole', async () => {
    const service = read(await original('other/pihole/service.yml'));
    expect(service).toMatchObject({
      name: 'pihole',
      type: 'other',
      file: FILE,
      configDirectory: '/etc/backup/other/pihole',
      tasks: [{ key: 'files', plugin: files, options: { paths: ['/etc/pihole/', '/etc/dnsmasq.d/'] } }],
      warnings: [],
    });
  });

  it('recipes, though only one of its plugins is there', async () => {
    const service = read(await original('docker/recipes/service.yaml'));
    expect(service.tasks.map((task) => task.key)).toEqual(['files']);
    expect(service.warnings).toEqual([
      `${FILE}:8:1: docker: No plugin found to handle task type \`docker\`; nothing of it is saved.`,
      `${FILE}:12:1: postgresql: No plugin found to handle task type \`postgresql\`; nothing of it is saved.`,
    ]);
  });
});

it('keeps the order of the tasks and fills in defaults, also of an empty task', () => {
  expect(read('other:\nservice: {name: a}\nfiles: {paths: [/etc]}').tasks).toMatchObject([
    { key: 'other', plugin: other, options: { level: 1 } },
    { key: 'files', plugin: files, options: { paths: ['/etc'], exclude: [] } },
  ]);
});

it('suggests a plugin for a task that none handles', () => {
  const { warnings } = read('service: {name: a}\nfilse: {}\nother: {}');
  expect(warnings).toEqual([
    `${FILE}:2:1: filse: No plugin found to handle task type \`filse\`; nothing of it is saved. Did you mean \`files\`?`,
  ]);
});

it('lists all complaints at once: head, tasks, keys', () => {
  expect(() =>
    read('service: {name: "", nam: x}\nfiles:\n  paths: [etc, /b]\n  exlude: []\nother: {level: x}'),
  ).toThrow(
    [
      `5 mistakes in ${FILE}:`,
      `${FILE}:1:17: service.name: must be a name of letters, digits, \`.\`, \`-\`, \`_\`, at most 100, but is ""`,
      `${FILE}:1:21: service.nam: unknown key. Did you mean \`name\`?`,
      `${FILE}:3:11: files.paths[0]: must be an absolute path, but is "etc"`,
      `${FILE}:4:3: files.exlude: unknown key. Did you mean \`exclude\`?`,
      `${FILE}:5:16: other.level: must be a whole number, but is "x"`,
    ].join('\n'),
  );
});

it.each([
  ['', '1:1: service: is missing'],
  ['files: {paths: [/etc]}', '1:1: service: is missing'],
  ['service: {}\nother: {}', 'service.name: is missing: Name of the service'],
  ['service: {name: ../../etc}\nother: {}', 'service.name: must be a name of letters'],
  ['service: {name: a}\nfiles:', 'files.paths: is missing: What to save.'],
  ['service: {name: a}', 'there is no task, so nothing would be saved'],
  ['service: {name: a}\nfilse: {}', 'there is no task, so nothing would be saved. No plugin found'],
  ['service: [', 'not valid YAML'],
])('%j is no service', (text, complaint) => {
  expect(() => read(text)).toThrow(complaint);
});

it('the directory that names the type must be fit to be a name', () => {
  expect(() => read('service: {name: a}\nother: {}', '/etc/backup/.x y/a/service.yaml')).toThrow(
    '".x y" cannot be a type',
  );
});

describe('expect', () => {
  it('is a key of every task, which its plugin does not see', () => {
    const [task] = read('service: {name: a}\nfiles: {paths: [/etc], expect: {min_bytes: 1M, max_shrink: 30%}}').tasks;
    expect(task?.options).toEqual({ paths: ['/etc'], exclude: [] });
    expect(task?.expect).toEqual({ min_bytes: 1024 * 1024, max_shrink: 0.3, on_miss: 'fail' });
    expect(read('service: {name: a}\nfiles: {paths: [/etc]}').tasks[0]?.expect).toBeUndefined();
  });

  it('is checked together with the rest', () => {
    const text =
      'service: {name: a}\nfiles: {paths: [etc], expect: {min_bytes: much, min_rows: {a: 0}}}\nother: {expect:}';
    expect(() => read(text)).toThrow(
      /2:17: files.paths\[0\](.|\n)*2:43: files.expect.min_bytes(.|\n)*2:63: files.expect.min_rows.a(.|\n)*other.expect: /,
    );
  });

  it('is among the keys that a task may have', () => {
    expect(() => read('service: {name: a}\nfiles: {paths: [/etc], expct: {}}')).toThrow('Did you mean `expect`?');
    expect(() => read('service: {name: a}\nfiles: {paths: [/etc], xyz: {}}')).toThrow(
      /allowed here: exclude, expect, /,
    );
  });

  it('is no key of a task that saves nothing', () => {
    const hooks = definePlugin({ ...other, name: 'hooks', savesNothing: true });
    const text = 'service: {name: a}\nother: {}\nhooks: {expect: {min_bytes: 1}}';
    expect(() => parseService(text, FILE, [other, hooks])).toThrow('3:9: hooks.expect: unknown key');
    expect(() => parseService('service: {name: a}\nhooks: {}', FILE, [other, hooks])).toThrow('nothing would be saved');
  });
});
