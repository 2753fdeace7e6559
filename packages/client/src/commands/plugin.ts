// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { checkConfig } from '@local-backup/common/config/check';
import { complaintError } from '@local-backup/common/config/complaint';
import type { ConfigSource } from '@local-backup/common/config/source';
import { toolsOf } from '@local-backup/common/config/tools';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { BackupError } from '@local-backup/common/errors';
import { createToolbox, type Toolbox } from '@local-backup/common/program';
import { abortOnSignals } from '@local-backup/common/signals';
import type { Plugin } from '../plugin.ts';
import { testPlugin } from '../plugin-contract.ts';
import { findPluginFiles, type PluginFile, pluginFileAt } from '../plugin-files.ts';
import { plugins as builtIn } from '../plugins/index.ts';
import { type ListedPlugin, renderContract, renderPlugins } from '../render-plugins.ts';
import { loadPluginFile, loadPlugins } from './load-plugins.ts';
import { type GlobalOptions, openConfig } from './session.ts';

/** `backup-client plugin list`: every plugin that a service.yaml of this host can name. */
export async function pluginList(global: GlobalOptions, print: (text: string) => void): Promise<void> {
  const config = await openConfig(global);
  const { run, log } = createToolbox({ level: config.logLevel, json: global.json ?? false });
  const { own, warnings } = await loadPlugins(config, { exec: run, log });
  const plugins: ListedPlugin[] = [
    ...builtIn.map(({ name, summary }): ListedPlugin => {
      return { name, kind: 'built in', summary, file: undefined, problem: undefined };
    }),
    ...own.map(({ file, kind, plugin, problem }): ListedPlugin => {
      return { name: plugin.name, kind, summary: plugin.summary, file, problem };
    }),
  ];
  if (global.json) print(`${JSON.stringify({ plugins, warnings })}\n`);
  else print(renderPlugins(plugins, { directory: config.pluginDir, warnings }));
}

export interface PluginTestOptions {
  /** A file with the options of the task, or a whole service.yaml. */
  readonly options?: string;
  readonly restore?: boolean;
}

/**
 * `backup-client plugin test DIR|FILE`: tries whether plugins of the user's own keep the contract. `prepare` and `post` are
 * really called, `restore` only where it is asked for.
 * @throws BackupError `failed` where one does not, `usage` where there is none
 */
export async function pluginTest(
  target: string,
  options: PluginTestOptions,
  global: GlobalOptions,
  print: (text: string) => void,
): Promise<void> {
  const files = await filesOf(resolve(target));
  const toolbox = createToolbox({ level: global.verbose ? 'debug' : 'warn', json: global.json ?? false });
  const watch = abortOnSignals();
  print('prepare and post are really called: what they stop is stopped, and started again.\n');
  let failures = 0;
  try {
    for (const file of files) failures += await testFile(file, options, { toolbox, print, signal: watch.signal });
  } finally {
    watch.dispose();
  }
  if (failures > 0) {
    const hint = options.options === undefined ? ' Tasks that need options get them by: --options FILE' : '';
    throw new BackupError('failed', `${failures} rule(s) of the contract are not kept.${hint}`);
  }
  print('Everything is as a run needs it.\n');
}

interface TestIo {
  readonly toolbox: Toolbox;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

async function filesOf(target: string): Promise<readonly PluginFile[]> {
  const stats = await stat(target).catch((cause) => {
    throw new BackupError('usage', `${target} cannot be looked at: ${String(cause)}`, { cause });
  });
  if (stats.isDirectory()) {
    const files = await findPluginFiles(target);
    if (files.length === 0)
      throw new BackupError('usage', `There is no executable file in ${target}. Run: chmod 755 FILE`);
    return files;
  }
  const file = await pluginFileAt(target, basename(target));
  if (file === undefined) throw new BackupError('usage', `${target} is no executable file. Run: chmod 755 ${target}`);
  return [file];
}

/** @returns how many rules are not kept */
async function testFile(file: PluginFile, options: PluginTestOptions, io: TestIo): Promise<number> {
  const { toolbox, print } = io;
  const places = { pluginDir: dirname(file.path), serviceDir: '', tools: toolsOf() };
  const source = await optionsIn(options.options);
  const keys = Object.keys(Object(source.value));
  const found = await loadPluginFile(file, keys, places, { exec: toolbox.run, log: toolbox.log });
  let failures = 0;
  for (const { plugin, problem } of found) {
    const what = `${plugin.name} (${file.path})`;
    const lines =
      problem === undefined
        ? await testOne(plugin, source, options, io)
        : [{ rule: 'can be used', state: 'FAILED' as const, message: problem }];
    print(renderContract(what, lines));
    failures += lines.filter(({ state }) => state === 'FAILED').length;
  }
  return failures;
}

async function testOne(plugin: Plugin, source: ConfigSource, given: PluginTestOptions, { toolbox, signal }: TestIo) {
  const { run: exec, log } = toolbox;
  const isService = Object.hasOwn(Object(source.value), 'service');
  const checked = checkConfig(source, plugin.options, isService ? [plugin.name] : []);
  if (!checked.ok) throw complaintError(source.file, checked.complaints);
  const directory = await mkdtemp(join(tmpdir(), 'bpt-'));
  try {
    const configDirectory = given.options === undefined ? directory : dirname(resolve(given.options));
    const io = { exec, log, signal, tools: toolsOf(), directory, configDirectory, options: checked.value };
    return await testPlugin(plugin, { withRestore: given.restore ?? false }, io);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function optionsIn(file: string | undefined): Promise<ConfigSource> {
  if (file === undefined) return readYaml('', 'no options');
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new BackupError('usage', `The options cannot be read: ${String(cause)}`, { cause });
  });
  return readYaml(text, file);
}
