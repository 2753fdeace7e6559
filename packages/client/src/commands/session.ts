// SPDX-License-Identifier: AGPL-3.0-or-later
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { systemHostname } from '@local-backup/common/config/system-hostname';
import type { Run } from '@local-backup/common/exec';
import type { LogStream } from '@local-backup/common/log';
import { createToolbox, requireRoot, type Toolbox } from '@local-backup/common/program';
import { type ClientConfig, loadClientConfig } from '../config.ts';
import type { Plugin } from '../plugin.ts';
import type { TaskIo } from '../task-context.ts';
import { openUndoJournal, type UndoJournal } from '../undo-journal.ts';
import { loadPlugins } from './load-plugins.ts';

/** Options before the name of the command. */
export interface GlobalOptions {
  readonly config: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** The configuration, and what is made from it for every command. */
export interface ClientSession extends Toolbox {
  readonly config: ClientConfig;
  readonly journal: UndoJournal;
  /** All that can be used in a service.yaml. */
  readonly plugins: readonly Plugin[];
  readonly now: () => Date;
}

/**
 * @throws BackupError `usage` without root, `config` with all complaints about the configuration
 */
export async function openSession(options: GlobalOptions): Promise<ClientSession> {
  const config = await openConfig(options);
  const { log, run } = createToolbox({ level: config.logLevel, json: options.json ?? false });
  const { plugins, warnings } = await loadPlugins(config, { exec: run, log });
  return sessionFor({ ...config, warnings: [...config.warnings, ...warnings] }, options, plugins);
}

/** @param runLog where the log goes as well */
export function sessionFor(
  config: ClientConfig,
  options: GlobalOptions,
  plugins: readonly Plugin[],
  runLog?: LogStream,
): ClientSession {
  const toolbox = createToolbox({ level: config.logLevel, json: options.json ?? false, ...(runLog ? { runLog } : {}) });
  const journal = openUndoJournal(join(config.stateDir, 'undo'));
  return { ...toolbox, config, journal, plugins, now: () => new Date() };
}

/**
 * For commands that need no plugins: none of the user's own is started.
 * @throws as openSession
 */
export async function openConfig({
  config: file,
  verbose = false,
  json = false,
}: GlobalOptions): Promise<ClientConfig> {
  requireRoot('backup-client');
  const { run } = createToolbox({ level: 'warn', json });
  const files = { file, commonFile: commonConfigBeside(file), environment: process.env };
  return loadClientConfig(files, { hostname: await systemHostname(run), cores: cpus().length, verbose });
}

/** The original keeps both files in one directory. */
export function commonConfigBeside(file: string): string {
  return join(dirname(file), 'common_config');
}

/** What tasks get of a session; the time limit of a plugin's program never exceeds `task_timeout`. */
export function taskIoOf(session: ClientSession, signal: AbortSignal): TaskIo {
  const { config, log, journal, run } = session;
  const exec: Run = (program, args, options) => {
    return run(program, args, { ...options, timeoutMs: Math.min(options.timeoutMs, config.taskTimeoutMs) });
  };
  return { exec, tools: config.tools, log, journal, signal };
}

/** One backup, recovery or dry run at a time; `check`, `list` and `verify` go beside it. */
export function instanceLockIn(lockDir: string): string {
  return join(lockDir, 'backup-client.lock');
}
