// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult } from '@local-backup/common/exec';
import type { PluginContext } from '../../plugin.ts';
import { containerEngine } from '../../plugin-tools/container.ts';
import { type ComposeModel, defaultProjectName, mergeModels, parseModel } from './model.ts';
import { type DockerOptions, type Settings, settingsOf } from './options.ts';

/** What the stages of a backup and of a restore have in common. */
export type Context = Pick<PluginContext<DockerOptions>, 'options' | 'exec' | 'tools' | 'signal' | 'log'>;

interface CallOptions {
  /** Exit codes that are no error. */
  readonly accept?: readonly number[];
  /** Where compose is started; without it the project's directory. */
  readonly cwd?: string;
}

/** Compose and the engine below it, for one project. */
export interface Compose {
  readonly settings: Settings;
  /** `docker compose -f FILE ...`, started in the directory of the project. */
  readonly compose: (args: readonly string[], options?: CallOptions) => Promise<RunResult>;
  /** `docker ...` or `podman ...` */
  readonly engine: (args: readonly string[], options?: CallOptions) => Promise<RunResult>;
  /** The same commands, to be typed by an admin. */
  readonly composeLine: (args: readonly string[]) => string;
  readonly engineLine: (args: readonly string[]) => string;
}

/** @param override what is not as the options say */
export function createCompose(context: Context, override: Partial<Settings> = {}): Compose {
  const { options, tools, exec, signal } = context;
  const settings = { ...settingsOf(options), ...override };
  const [program = 'docker', ...first] = tools.docker;
  const words = [...first, ...projectArgs(settings, options)];
  const engineName = containerEngine(tools);
  const limits = {
    timeoutMs: options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
  };
  return {
    settings,
    compose: (args, call = {}) =>
      exec(program, [...words, ...args], { cwd: settings.directory, ...call, ...limits, signal }),
    engine: (args, call = {}) => exec(engineName, args, { cwd: '/', ...call, ...limits, signal }),
    composeLine: (args) => `cd ${quote(settings.directory)} && ${[program, ...words, ...args].map(quote).join(' ')}`,
    engineLine: (args) => [engineName, ...args].map(quote).join(' '),
  };
}

/** Global arguments of compose, in the order of its manual page. */
function projectArgs(settings: Settings, { profiles }: DockerOptions): string[] {
  const { files, directory, isDirectoryGiven, projectName, envFiles } = settings;
  return [
    ...files.flatMap((file) => ['-f', file]),
    ...(projectName === undefined ? [] : ['-p', projectName]),
    ...(isDirectoryGiven ? ['--project-directory', directory] : []),
    ...envFiles.flatMap((file) => ['--env-file', file]),
    ...profiles.flatMap((profile) => ['--profile', profile]),
  ];
}

/** What podman-compose before 1.0.4 (Debian 12 has 1.0.3) says of `config`, which it does not have. */
const NO_CONFIG = /invalid choice: '?config/;

/**
 * What compose makes of its files. Only newer ones print JSON; the others print YAML. Where that does not help, the files
 * themselves are read.
 * @throws BackupError `failed` where compose refuses the files
 */
export async function readModel({ compose, settings }: Compose, { signal }: Context): Promise<ComposeModel> {
  const printed = await compose(['config', '--format', 'json']).catch(async (error: unknown) => {
    signal.throwIfAborted();
    return compose(['config']).catch((second: unknown) => {
      if (second instanceof BackupError && NO_CONFIG.test(second.message)) return { truncated: false, stdout: '' };
      throw error;
    });
  });
  if (printed.truncated)
    throw new BackupError('failed', '`compose config` prints more than 1 MiB: no compose file does.');
  const model = parseModel(printed.stdout, 'compose config') ?? mergeModels(await readFiles(settings));
  if (model !== undefined) return model;
  throw new BackupError('config', `${settings.files.join(', ')}: there are no services in it.`);
}

async function readFiles({ files }: Settings): Promise<ComposeModel[]> {
  const models: ComposeModel[] = [];
  for (const file of files) {
    const model = parseModel(await readFile(file, 'utf8'), file);
    if (model !== undefined) models.push(model);
  }
  return models;
}

/** The project's name as compose finds it: option, `name` of the file, `.env`, directory. */
export async function projectNameOf({ settings }: Compose, model: ComposeModel): Promise<string> {
  if (settings.projectName !== undefined) return settings.projectName;
  const variables = await readFile(settings.envFiles[0] ?? join(settings.directory, '.env'), 'utf8').catch(() => '');
  const fromEnv = /^\s*COMPOSE_PROJECT_NAME\s*=\s*["']?([a-z0-9][a-z0-9_-]*)/m.exec(variables)?.[1];
  // `config` of newer ones has the name in any case; of older ones it is what the file says, which counts less.
  return model.name ?? fromEnv ?? defaultProjectName(basename(settings.directory));
}

/** A word for a shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
