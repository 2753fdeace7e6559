// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { callFunction } from './call.ts';
import type { FunctionName } from './driver.ts';
import { ownFiles, type ShellMemo } from './memo.ts';
import type { Probed, ProbeIo } from './probe.ts';

/** One task whose `prepare` has begun, on its way back. */
export interface Task {
  readonly probed: Probed;
  readonly io: ProbeIo;
  readonly context: PluginContext;
  readonly memo: ShellMemo;
  readonly directory: string;
}

/**
 * Puts back what `prepare` did: `plugin_post_backup_success` where `run` went well, `plugin_emergency_cleanup` otherwise. What
 * the first cannot put back is tried again by the second (C48), and told in any case.
 * @throws BackupError `failed` where something is left
 */
export async function putBack(task: Task, isWell: boolean): Promise<void> {
  const { functions } = task.probed;
  const hasEmergency = functions.has('plugin_emergency_cleanup');
  if (!isWell || !functions.has('plugin_post_backup_success')) {
    if (hasEmergency) await emergency(task);
    return;
  }
  try {
    await call(task, 'plugin_post_backup_success');
  } catch (error) {
    throw hasEmergency ? await afterFailure(task, error) : error;
  }
  if (hasEmergency && (await leftOf(task)).length > 0) await emergency(task);
}

async function afterFailure(task: Task, error: unknown): Promise<unknown> {
  try {
    await emergency(task);
    return new BackupError('failed', `${describeError(error)}\nIts plugin_emergency_cleanup ended well after that.`);
  } catch (second) {
    return new BackupError('failed', `${describeError(error)}\n${describeError(second)}`);
  }
}

async function emergency(task: Task): Promise<void> {
  await call(task, 'plugin_emergency_cleanup');
  const left = await leftOf(task);
  if (left.length === 0) return;
  throw new BackupError(
    'failed',
    `${task.probed.file}: plugin_emergency_cleanup left ${left.join(', ')} in .state, which means that it could not put ` +
      'everything back. Look at the service.',
  );
}

/** State that says that something is still to be put back; an empty directory says nothing. */
async function leftOf({ directory, memo }: Task): Promise<readonly string[]> {
  return (await ownFiles(directory, memo)).filter((file) => !file.endsWith('/'));
}

async function call({ probed, io, context, directory }: Task, name: FunctionName): Promise<void> {
  const warnings = await callFunction({ probed, name, backupDirectory: directory }, context, io);
  for (const warning of warnings) context.log.warn(warning);
}
