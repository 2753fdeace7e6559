// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { checkedServices } from '../../packages/client/src/checked-services.ts';
import { findServices } from '../../packages/client/src/find-services.ts';
import { definePlugin } from '../../packages/client/src/plugin.ts';
import { plugins as shipped } from '../../packages/client/src/plugins/index.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';
import { createClientLab } from '../helpers/client-lab.ts';

/** Saves any tree under any name, and leaves files in the stage. */
const plugin = (name: string) =>
  definePlugin<{ root: string; paths: string[]; into: string; leave: string[] }>({
    ...{ name, summary: 'Saves any tree.', order: 40 },
    options: z.strictObject({
      root: z.string().default('/').describe('Its root.'),
      paths: z.array(z.string()).default([]).describe('Below it.'),
      into: z.string().default('data').describe('Where it goes.'),
      leave: z.array(z.string()).default([]).describe('Files of the stage.'),
    }),
    async run({ options: { root, paths, into, leave }, stage }) {
      for (const file of leave) {
        mkdirSync(join(stage, file, '..'), { recursive: true });
        writeFileSync(join(stage, file), 'dumped\n');
      }
      return {
        trees:
          paths.length === 0
            ? []
            : [{ into, root, paths: paths.map(bytePathOfText), exclude: [], oneFileSystem: false }],
      };
    },
  });

const plugins = [...shipped, plugin('one'), plugin('two'), plugin('three')];

let lab: ReturnType<typeof createClientLab>;

beforeEach(() => {
  lab = createClientLab();
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(lab.at('srv', name), { recursive: true });
    writeFileSync(lab.at('srv', name, 'file'), `${name}\n`);
  }
});

afterEach(() => lab.remove());

async function save(yaml: string) {
  lab.addService('demo/shop', `service: {name: shop}\n${yaml}`);
  const { manifest } = await lab.run(plugins);
  const archive = join(lab.spool, manifest?.archive ?? '');
  const members = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n');
  const [service] = manifest?.services ?? [];
  const messages = Object.fromEntries(
    service?.tasks.map(({ plugin: task, messages: all }) => [task, all.join('\n')]) ?? [],
  );
  const states = Object.fromEntries(service?.tasks.map(({ plugin: task, status }) => [task, status]) ?? []);
  expect(members.filter((member, at) => members.indexOf(member) !== at)).toEqual([]);
  return { messages, states, content: (path: string) => lab.contentOf(manifest?.archive ?? '', `demo/shop/${path}`) };
}

const tree = (paths: string, more = '') => `{root: ${lab.at('srv')}, paths: [${paths}]${more}}`;

it.each([
  ['the same', 'a', 'a'],
  ['something within it', 'a', 'a/file'],
  ['something around it', 'a/file', 'a'],
  ['everything', 'b', '.'],
])('no path comes into the archive twice: %s', async (_, first, second) => {
  const { messages, states, content } = await save(`one: ${tree(first)}\ntwo: ${tree(second)}\n`);
  expect(states).toEqual({ one: 'success', two: 'failed' });
  expect(messages.two).toContain('`one` puts data/');
  expect(messages.two).toContain('it is not saved');
  expect(content(`data/${first.replace('/file', '')}/file`)).toMatch(/^[ab]\n$/);
});

it('what has a place is saved, and what was refused takes none', async () => {
  const { messages, states, content } = await save(`one: ${tree('a')}\ntwo: ${tree('a, b')}\nthree: ${tree('b, c')}\n`);
  expect(states).toEqual({ one: 'success', two: 'failed', three: 'failed' });
  expect(messages.three).toContain('`two` puts data/b into the archive');
  expect([content('data/b/file'), content('data/c/file')]).toEqual(['b\n', 'c\n']);
});

it('what a task has dumped is not lost to a tree that would go there', async () => {
  const { states, messages, content } = await save(`one: {leave: [data/a/file, data/x]}\ntwo: ${tree('a')}\n`);
  expect(states).toEqual({ one: 'success', two: 'failed' });
  expect(messages.two).toContain('`one` has left something there');
  expect(content('data/a/file')).toBe('dumped\n');
});

it('a file of the stage where a directory of the tree would be', async () => {
  const { states } = await save(`one: {leave: [data]}\ntwo: ${tree('a')}\n`);
  expect(states).toEqual({ one: 'success', two: 'failed' });
});

it('beside one another all have their place', async () => {
  const { states, content } = await save(
    `one: {root: ${lab.at('srv')}, paths: [a], leave: [data/x]}\ntwo: ${tree('b, c')}\n`,
  );
  expect(states).toEqual({ one: 'success', two: 'success' });
  expect([content('data/x'), content('data/b/file')]).toEqual(['dumped\n', 'b\n']);
});

it('what two tasks read from the same place is noted, and saved twice', async () => {
  const { states, messages, content } = await save(
    `one: ${tree('a', ', into: other')}\nfiles: {paths: [${lab.at('srv')}]}\n`,
  );
  expect(states).toEqual({ one: 'success', files: 'success' });
  expect(messages.files).toContain(`${lab.at('srv/a')} is in the archive twice: \`one\` saves it too.`);
  expect(content(`data${lab.at('srv/a')}/file`)).toBe(content('other/a/file'));
});

it('`check` tells of what two services save', async () => {
  const add = (name: string, paths: string, more = '') =>
    lab.addService(`demo/${name}`, `service: {name: ${name}}\nfiles: {paths: [${paths}]${more}}\n`);
  add('all', lab.at('srv'), `, exclude: [${lab.at('srv/b')}]`);
  add('in-it', lab.at('srv/a'));
  add('left-out', lab.at('srv/b'));
  const found = await findServices(lab.config, [], [], lab.ioWith(plugins));
  const [all, inIt, leftOut] = checkedServices(found);
  expect([all?.state, inIt?.state, leftOut?.state]).toEqual(['ok', 'warning', 'ok']);
  const file = lab.at('services/demo/in-it/service.yaml');
  expect(inIt?.tasks[0]?.problems).toEqual([
    `${file}:2:1: files: ${lab.at('srv/a')}: demo/all saves that too. It is in the archive twice: leave it out of one with \`exclude\`.`,
  ]);
});
