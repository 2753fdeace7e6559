// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import type { RunPartsOptions } from './options.ts';

type Context = Pick<PluginContext<RunPartsOptions>, 'exec' | 'options' | 'signal' | 'log'>;

/** Directory of the service in the archive. */
export const DIRECTORY = 'run_parts';

const TEST_MS = 60_000;

/**
 * The scripts that run-parts would run, by its own judgement.
 * @param option that names the directory, for the message
 * @throws BackupError `config` where there is no such directory, or others could put a script into it
 */
export async function scriptsIn(
  directory: string,
  option: 'directory' | 'restore_scripts',
  { exec, signal }: Context,
): Promise<readonly string[]> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) {
    throw new BackupError('config', `${directory} is no directory. Create it, or correct \`${option}\`.`);
  }
  // Also where nothing is in it now: one that comes later would be run.
  await requireTrustedFile(directory);
  const { stdout } = await exec('run-parts', ['--test', directory], { cwd: '/', timeoutMs: TEST_MS, signal });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Runs them, and logs what they say. */
export async function runScripts(
  directory: string,
  { exec, options, signal, log }: Context,
  more: readonly string[] = [],
): Promise<void> {
  const { stdout } = await exec('run-parts', ['--report', ...more, directory], {
    cwd: '/',
    timeoutMs: options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
    signal,
  });
  if (stdout.trim() !== '') log.info(stdout.trim());
}
