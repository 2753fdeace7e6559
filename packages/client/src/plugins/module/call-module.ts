// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { DRIVER, NO_FUNCTION } from './driver.ts';
import type { ModuleOptions } from './options.ts';
import { type ModuleReport, parseReports } from './reports.ts';

type Context = Pick<PluginContext<ModuleOptions>, 'exec' | 'options' | 'signal' | 'log'>;

/** A module: its name and its file. */
export interface ModuleFile {
  readonly name: string;
  readonly file: string;
}

export interface Surroundings {
  /** Directory that the modules' directories are in; it stands for the dated directory of the original. */
  readonly directory: string;
  /** A file outside of what is saved. */
  readonly reportFile: string;
  readonly hostname: string;
  /** `YYYYmmdd_HHMMSS` */
  readonly stamp: string;
}

/** What a call has come to. */
export interface Called {
  /** True: the file defines no such function, and nothing was called. */
  readonly isMissing: boolean;
  /** Why it failed; undefined where it did not. */
  readonly problem: string | undefined;
  readonly reports: readonly ModuleReport[];
}

/**
 * Calls `backup_<name>` or `restore_<name>` of a module.
 * @param component its argument: the directory of the module
 */
export async function callModule(
  verb: 'backup' | 'restore',
  { name, file, component }: ModuleFile & { readonly component: string },
  { exec, options, signal, log }: Context,
  around: Surroundings,
): Promise<Called> {
  const { directory, hostname, stamp, reportFile } = around;
  const env = {
    BACKUP_PATH: directory,
    BACKUP_DIR: directory,
    DATE: stamp,
    HOST_NAME: hostname,
    CIFS_MOUNT: directory,
    LOCAL_BACKUP_REPORTS: reportFile,
  };
  const reports = async () => parseReports(await readFile(reportFile, 'utf8').catch(() => ''));
  try {
    const { exitCode, stdout } = await exec('bash', ['-c', DRIVER, 'module', file, name, component, verb], {
      cwd: component,
      env,
      timeoutMs: options.timeout,
      limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
      signal,
      accept: [0, NO_FUNCTION],
    });
    if (stdout.trim() !== '') log.info(`${name}: ${stdout.trim()}`);
    return { isMissing: exitCode === NO_FUNCTION, problem: undefined, reports: await reports() };
  } catch (error) {
    signal.throwIfAborted();
    return { isMissing: false, problem: describeError(error), reports: await reports() };
  }
}
