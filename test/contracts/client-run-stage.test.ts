// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin } from '../../packages/client/src/plugin.ts';
import type { Check } from '../../packages/client/src/plugin-copy.ts';
import { command } from '../../packages/client/src/plugins/command/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { mountSmall } from '../helpers/faults.ts';

/** Stops a service, and knows how it was only from the stage, as plugins of the shell version do; dumps so much. */
const plugin = (name: string, order: number) =>
  definePlugin<{ state?: string | undefined; megabytes: number }>({
    ...{ name, summary: 'Stops and dumps.', order },
    options: z.strictObject({
      state: z.string().optional().describe('File that tells whether the service runs.'),
      megabytes: z.number().describe('How much it dumps.'),
    }),
    ...{ prepare, post },
    async run({ options: { megabytes }, stage }) {
      mkdirSync(join(stage, name));
      for (let count = 0; count < megabytes; count += 1) {
        writeFileSync(join(stage, name, 'dump'), Buffer.alloc(1024 * 1024, 'x'), { flag: 'a' });
      }
      return {};
    },
  });

type Context = { readonly options: { readonly state?: string | undefined }; readonly stage: string };

async function prepare({ options: { state }, stage }: Context) {
  if (state === undefined) return;
  mkdirSync(join(stage, '.state'));
  writeFileSync(join(stage, '.state/stopped'), 'it ran');
  writeFileSync(join(stage, 'before.sql'), 'dumped before it was stopped');
  writeFileSync(state, 'off');
}

async function post({ options: { state }, stage }: Context) {
  if (state !== undefined && existsSync(join(stage, '.state/stopped'))) writeFileSync(state, 'on');
}

const { prepare: _, post: __, ...small } = plugin('small', 30);

/** Looks at what it has left, and finds no more than this. */
const looks = definePlugin<{ checks: Check[] }>({
  ...{ name: 'looks', summary: 'Looks.' },
  options: z.strictObject({ checks: z.array(z.custom<Check>()).describe('What it says.') }),
  async run({ stage }) {
    writeFileSync(join(stage, 'dump'), 'data');
    return {};
  },
  verify: async ({ options: { checks } }) => checks,
});

const plugins = [plugin('stops', 40), small, looks];

let lab: ReturnType<typeof createClientLab>;
let unmount: () => void;

beforeEach(() => {
  lab = createClientLab();
  unmount = mountSmall(lab.spool, 'size=8m');
  writeFileSync(lab.at('state-of-it'), 'on');
});

afterEach(() => {
  unmount();
  lab.remove();
});

async function save(yaml: string) {
  lab.addService('demo/bad', `service: {name: bad}\n${yaml}`);
  lab.addService('demo/good', 'service: {name: good}\nsmall: {megabytes: 1}\n');
  const { manifest } = await lab.run(plugins);
  const [bad, good] = manifest?.services ?? [];
  expect(good?.status).toBe('success');
  expect(readFileSync(lab.at('state-of-it'), 'utf8')).toBe('on');
  const messages = bad?.tasks.map((task) => task.messages.join('\n'));
  return { manifest, messages, states: bad?.tasks.map(({ status }) => status) };
}

it('a task that has filled the disk starts what it has stopped, from what it left in the stage', async () => {
  const { states, messages } = await save(`stops: {state: ${lab.at('state-of-it')}, megabytes: 20}\n`);
  expect(states).toEqual(['failed']);
  expect(messages?.[0]).toContain('What it had written was removed');
});

it('what another task has left in the stage before is neither removed nor lost', async () => {
  const stops = `stops: {state: ${lab.at('state-of-it')}, megabytes: 0}`;
  const { manifest, states } = await save(`small: {megabytes: 20}\n${stops}\n`);
  expect(states).toEqual(['failed', 'success']);
  expect(lab.contentOf(manifest?.archive ?? '', 'demo/bad/before.sql')).toBe('dumped before it was stopped');
});

it("what a task has left mounted in the stage is the host's, and stays", async () => {
  mkdirSync(lab.at('host'));
  writeFileSync(lab.at('host/file'), 'worth keeping');
  // Ended half-way, before it could unmount.
  const run = `mkdir m && mount --bind ${lab.at('host')} m && pwd > ${lab.at('where')} && head -c 7500K /dev/zero > x`;
  lab.addService('demo/bad', `service: {name: bad}\ncommand: {run: ${JSON.stringify(run)}}\n`);
  const { services } = await lab.run([...plugins, command]);
  const left = join(readFileSync(lab.at('where'), 'utf8').trim(), 'm');
  try {
    expect(services[0]?.tasks[0]?.messages.join()).toMatch(/is not removed, for something is mounted in it: \S+\/m\./);
    lab.addService('demo/bad', 'service: {name: bad}\nlooks: {checks: []}\n');
    rmSync(join(left, '..', 'x'));
    expect((await lab.run(plugins)).services[0]?.status).toBe('success');
    expect(readFileSync(lab.at('host/file'), 'utf8')).toBe('worth keeping');
  } finally {
    execFileSync('umount', [left]);
  }
  await lab.run(plugins);
  expect(existsSync(left)).toBe(false);
});

it.each([
  [[], /^NOT looked at: looks: nothing was looked at/],
  [[{ name: 'dump', status: 'skipped', message: 'install it' }], /^NOT looked at: dump: install it$/],
])('a dump that could not be looked at is noted: %j', async (checks, message) => {
  lab.addService('demo/bad', `service: {name: bad}\nlooks: {checks: ${JSON.stringify(checks)}}\n`);
  const { services } = await lab.run(plugins);
  expect(services[0]?.status).toBe('success');
  expect(services[0]?.tasks[0]?.messages.join('\n')).toMatch(message);
});
