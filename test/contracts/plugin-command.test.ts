// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../../packages/client/src/plugins/command/index.ts';
import { pluginContract } from './plugin.ts';

/** A file that says `on` or `off` stands for the service. */
pluginContract(command, (directory) => {
  const state = join(directory, 'state');
  writeFileSync(state, 'on');
  const write = (text: string) => ['sh', '-c', 'printf %s "$0" > "$1"', text, state];
  return {
    options: { run: ['cat', state], stdout: 'state.txt', before: write('off'), after: write('on') },
    stateOfHost: () => readFileSync(state, 'utf8'),
  };
});
