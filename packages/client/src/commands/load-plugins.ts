// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import * as z from 'zod';
import { definePlugin, type Plugin } from '../plugin.ts';
import { findPluginFiles, type PluginFile } from '../plugin-files.ts';
import { requireTrustedFile } from '../plugin-tools/trusted-file.ts';
import type { ExecutableIo } from '../plugins/executable/describe.ts';
import { createExecutablePlugin } from '../plugins/executable/index.ts';
import { plugins as builtIn } from '../plugins/index.ts';
import { createShellPlugin } from '../plugins/shell-plugin/index.ts';
import { type ProbeIo, probeShellPlugin } from '../plugins/shell-plugin/probe.ts';
import { configuredTaskKeys } from '../task-keys.ts';
import { type PluginPlaces, shellEnvironment, yamlReaderHere } from './plugin-environment.ts';

/** A plugin of the user's own, as `backup-client plugin list` shows it. */
export interface OwnPlugin {
  readonly file: string;
  readonly kind: PluginFile['kind'];
  readonly plugin: Plugin;
  /** Why it is not used, though its task key is taken: its tasks fail. */
  readonly problem?: string;
}

export interface LoadedPlugins {
  /** Every plugin that a service.yaml of this host can name. */
  readonly plugins: readonly Plugin[];
  readonly own: readonly OwnPlugin[];
  /** What is in `plugin_dir` and is not used. */
  readonly warnings: readonly string[];
}

export interface LoadIo {
  readonly exec: Run;
  readonly log: Log;
}

/** A task key, as it stands in a service.yaml. */
const TASK_KEY = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

/**
 * The built-in plugins, and those of the user in `plugin_dir`: executables, and plugins of the original shell version. A
 * name that is taken stays with who has it: built-in first, then by file name. What is in the directory never keeps a
 * command from running.
 */
export async function loadPlugins(places: PluginPlaces, io: LoadIo): Promise<LoadedPlugins> {
  const warnings: string[] = [];
  const own: OwnPlugin[] = [];
  const files = await findPluginFiles(places.pluginDir).catch((error: unknown) => {
    warnings.push(`plugin_dir cannot be read, so no plugin of your own is used: ${String(error)}`);
    return [];
  });
  const keys = files.some(({ kind }) => kind === 'shell') ? await configuredTaskKeys(places.serviceDir) : [];
  for (const file of files) {
    try {
      for (const found of await loadPluginFile(file, keys, places, io)) addUnlessTaken(found, own, warnings);
    } catch (error) {
      warnings.push(`${showControls(file.path)} is not used: ${messageOf(error)}`);
    }
  }
  return { plugins: [...builtIn, ...own.map(({ plugin }) => plugin)], own, warnings };
}

/**
 * The plugins in one file: one, or as many as it handles tasks.
 * @param keys task keys that a plugin of the shell version is asked for
 * @throws BackupError where it has none, or cannot be used and nobody knows for which tasks
 */
export async function loadPluginFile(
  file: PluginFile,
  keys: readonly string[],
  places: PluginPlaces,
  { exec, log }: LoadIo,
): Promise<readonly OwnPlugin[]> {
  const { signal } = new AbortController();
  const environment = shellEnvironment(places);
  if (file.kind === 'executable') {
    return [await executable(file, { exec, log, signal, environment: { LOG_LEVEL: environment.LOG_LEVEL ?? '2' } })];
  }
  const yq = places.tools.yq[0] ?? 'yq';
  return shellPlugins(file, keys, { exec, signal, environment, yamlReader: yamlReaderHere(), yq });
}

function addUnlessTaken(found: OwnPlugin, own: OwnPlugin[], warnings: string[]): void {
  const { name } = found.plugin;
  const file = showControls(found.file);
  const earlier = own.find(({ plugin }) => plugin.name === name);
  if (found.problem !== undefined) warnings.push(`${file}: every task \`${name}\` fails: ${found.problem}`);
  if (builtIn.some((plugin) => plugin.name === name)) {
    warnings.push(`${file} is not used for \`${name}\`: backup-client has a plugin of that name itself.`);
  } else if (earlier === undefined) own.push(found);
  else warnings.push(`${file} is not used for \`${name}\`: ${showControls(earlier.file)} comes first.`);
}

async function shellPlugins(file: PluginFile, keys: readonly string[], io: ProbeIo): Promise<readonly OwnPlugin[]> {
  await requireTrustedFile(file.path);
  // It is what plugins read first of all.
  const helpers = join(dirname(file.path), 'common_functions.sh');
  if (existsSync(helpers)) await requireTrustedFile(helpers);
  const probed = await probeShellPlugin(file.path, keys, io);
  if (probed.types.length === 0) {
    throw new BackupError(
      'config',
      'its plugin_handles_task_type names no task, and claims none of the tasks of this host.',
    );
  }
  return probed.types.map((type) => ({ file: file.path, kind: 'shell', plugin: createShellPlugin(probed, type, io) }));
}

/** An executable that cannot be used keeps its task key: a task that quietly found no plugin would not be missed. */
async function executable({ path, kind, name }: PluginFile, io: ExecutableIo): Promise<OwnPlugin> {
  if (!TASK_KEY.test(name) || name === 'service') {
    throw new BackupError(
      'config',
      `${basename(path)} cannot be the key of a task: letters, digits, \`.\`, \`-\`, \`_\`.`,
    );
  }
  try {
    await requireTrustedFile(path);
    return { file: path, kind, plugin: await createExecutablePlugin(path, name, io) };
  } catch (error) {
    const problem = messageOf(error);
    return { file: path, kind, plugin: brokenPlugin(name, problem), problem };
  }
}

function brokenPlugin(name: string, problem: string): Plugin {
  const fail = async () => {
    throw new BackupError('config', problem);
  };
  const saves = { validate: fail, run: fail, post: fail, verify: fail };
  // `post` and `revert` too: what it did in an earlier run is not undone by saying nothing.
  const restore = { plan: fail, apply: fail, revert: fail, start: fail };
  return definePlugin<unknown>({ name, summary: problem, options: z.unknown(), ...saves, restore });
}

function messageOf(error: unknown): string {
  return error instanceof BackupError ? error.message : describeError(error);
}
