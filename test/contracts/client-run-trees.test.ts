// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin, type TaskResult, type Tree } from '../../packages/client/src/plugin.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';

import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';

let lab: ReturnType<typeof createClientLab>;

beforeEach(() => {
  lab = createClientLab();
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data', 'file'), 'worth saving\n');
});

afterEach(() => lab.remove());

const treeOf = (root: string, path: string): Tree => {
  return { into: 'data', root, paths: [bytePathOfText(path)], exclude: [], oneFileSystem: false };
};

/** Saves one service by a plugin that hands this over, and remembers something in `prepare` as if it had a snapshot. */
async function save(result: TaskResult) {
  const plugin = definePlugin({
    ...{ name: 'tree', summary: 'Saves trees.', options: z.strictObject({}), stopsNothing: true },
    prepare: (context) => context.remember({ made: true }),
    async run({ stage }) {
      writeFileSync(`${stage}/record.json`, '{}');
      return result;
    },
  });
  lab.addService('demo/shop', 'service: {name: shop}\ntree: {}\n');
  const { manifest, services } = await lab.run([plugin]);
  const [service] = services.filter(({ name }) => name === 'shop');
  const content = (path: string) => lab.contentOf(manifest?.archive ?? '', `demo/shop/data/${path}`);
  return { manifest, service, messages: service?.tasks[0]?.messages.join('\n'), content };
}

describe('the trees of a task', () => {
  it('one that cannot be read does not cost the others', async () => {
    const { service, messages, content } = await save({
      trees: [treeOf(lab.root, 'missing/x'), treeOf(lab.root, 'data')],
    });
    expect(service?.status).toBe('failed');
    expect(messages).toContain('missing');
    expect(content('data/file')).toBe('worth saving\n');
  });

  it.each([true, false])('hold no spool, wherever they begin: a snapshot %s', async (isSnapshot) => {
    writeFileSync(lab.at('spool', 'old'), 'an old archive');
    mkdirSync(lab.at('data', lab.spool), { recursive: true });
    writeFileSync(lab.at('data', lab.spool, 'copy'), 'of the same name, below another root');
    const one = treeOf(lab.root, '.');
    const { content } = await save({ trees: [isSnapshot ? { ...one, shows: lab.root } : one], snapshot: isSnapshot });
    expect(content(`data${lab.spool}/copy`)).toContain('of the same name');
    expect(() => content('spool/old')).toThrow();
  });

  it.each([true, false])('messages name what a snapshot shows, which stops nothing: complete %s', async (snapshot) => {
    writeFileSync(lab.at('data', 'x'), '');
    const view = { ...treeOf(lab.root, 'data/none'), shows: '/srv' };
    const above = { ...treeOf(lab.root, 'none/x'), shows: '/' };
    const { service, messages } = await save({ trees: [view, above, treeOf(lab.root, 'data')], snapshot });
    expect(messages).toMatch(/\/srv\/data\/none: .*No such file/);
    expect(messages).toMatch(/Cannot look at none in \/: .*'\/none'/);
    expect(messages).not.toContain(lab.root);
    expect(service?.secondsStopped).toBe(0);
  });
});

it('records about data that could not be read are no reason to publish an archive', async () => {
  expect((await save({ trees: [treeOf(lab.root, 'missing')] })).manifest).toBeUndefined();
  expect(readdirSync(lab.spool)).toEqual([]);
});

it('a fact that is too long for the manifest costs itself, not the archive of the host', async () => {
  const facts = { engine: '15', ['n'.repeat(200)]: 'x', images: 'i'.repeat(1001) };
  const { service, manifest, messages } = await save({ trees: [treeOf(lab.root, 'data')], facts });
  expect(manifest?.services[0]?.tasks[0]?.facts).toEqual({ engine: '15' });
  expect(service?.status).toBe('warning');
  expect(messages).toMatch(/^not in the manifest, because it is too long: n+, images$/);
});

describe('a task that runs in a container', () => {
  const state = () => readFileSync(lab.at('state-of-db'), 'utf8');
  const dump = definePlugin<{ container?: string | undefined; fail: boolean }>({
    ...{ name: 'dump', summary: 'Dumps.', takesContainer: true },
    options: z.strictObject({ container: z.string().optional(), fail: z.boolean().default(false) }),
    async run({ stage, options }) {
      if (options.fail) throw new Error('told to fail');
      writeFileSync(`${stage}/dump.txt`, state());
      return {};
    },
  });

  it.each([
    ['{container: db}', 'success', 'on'],
    ['{}', 'success', 'off'],
    ['{container: db, fail: true}', 'failed', undefined],
  ])('is run before containers are stopped, the others after that: %s', async (options, status, seen) => {
    writeFileSync(lab.at('state-of-db'), 'on');
    lab.addService('demo/db', `service: {name: db}\nswitch: {state: ${lab.at('state-of-db')}}\ndump: ${options}\n`);
    const { services, manifest } = await lab.run([switchPlugin, dump]);
    const content = (name: string) => lab.contentOf(manifest?.archive ?? '', `demo/db/${name}`);
    expect(services[0]?.tasks.find(({ plugin }) => plugin === 'dump')).toMatchObject({ status });
    expect(content('seen.txt')).toBe('off');
    if (seen !== undefined) expect(content('dump.txt')).toBe(seen);
    expect(state()).toBe('on');
  });
});
