// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { greeting } from '../fixtures/plugins/greeting/index.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { type MakeTask, pluginContract } from './plugin.ts';

/** A file that says `on` or `off` stands for the service. */
function serviceIn(directory: string) {
  const state = join(directory, 'state');
  writeFileSync(state, 'on');
  return { state, stateOfHost: () => readFileSync(state, 'utf8') };
}

const TASKS: Record<string, MakeTask> = {
  files: (directory) => {
    const { stateOfHost } = serviceIn(directory);
    return { options: { paths: [directory] }, stateOfHost };
  },
  command: (directory) => {
    const { state, stateOfHost } = serviceIn(directory);
    const write = (text: string) => ['sh', '-c', 'printf %s "$0" > "$1"', text, state];
    return {
      options: { run: ['cat', state], stdout: 'state.txt', before: write('off'), after: write('on') },
      stateOfHost,
    };
  },
  switch: (directory) => {
    const { state, stateOfHost } = serviceIn(directory);
    return { options: { state }, stateOfHost };
  },
  greeting: () => ({ options: {}, stateOfHost: () => undefined }),
};

for (const plugin of [...plugins, switchPlugin, greeting]) {
  const make = TASKS[plugin.name];
  if (make !== undefined) pluginContract(plugin, make);
}

it('every plugin is held to the contract', () => {
  expect(plugins.map(({ name }) => name).filter((name) => TASKS[name] === undefined)).toEqual([]);
});
