// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { greeting } from '../fixtures/plugins/greeting/index.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { pluginContract } from './plugin.ts';

pluginContract(greeting, () => ({ options: {}, stateOfHost: () => undefined }));

pluginContract(switchPlugin, (directory) => {
  const state = join(directory, 'state');
  writeFileSync(state, 'on');
  return { options: { state }, stateOfHost: () => readFileSync(state, 'utf8') };
});

/** Each in a file of its own: some need a database server. */
it('every plugin is held to the contract', () => {
  const fileOf = (name: string) => new URL(`plugin-${name.replaceAll('_', '-')}.test.ts`, import.meta.url);
  const isHeld = (name: string) =>
    existsSync(fileOf(name)) && /pluginContract\(/.test(readFileSync(fileOf(name), 'utf8'));
  expect(plugins.map(({ name }) => name).filter((name) => !isHeld(name))).toEqual([]);
});
