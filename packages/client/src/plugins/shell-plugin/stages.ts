// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Plugin, PluginContext } from '../../plugin.ts';
import { callFunction } from './call.ts';
import type { FunctionName } from './driver.ts';
import { inBackupDirectory, memoOf, ownFiles, rememberBegin, rememberState } from './memo.ts';
import type { Probed, ProbeIo } from './probe.ts';
import { putBack } from './put-back.ts';
import { removeState, STATE } from './state.ts';

type Stages = Required<Pick<Plugin, 'validate' | 'prepare' | 'run' | 'post'>>;

/** The stages of one task of a plugin of the shell version. */
export function createStages(probed: Probed, io: ProbeIo): Stages {
  const has = (name: FunctionName) => probed.functions.has(name);
  const call = (name: FunctionName, backupDirectory: string, context: PluginContext) => {
    return callFunction({ probed, name, backupDirectory }, context, io);
  };
  /** Backup directories of this process in which `plugin_run_backup` went well. */
  const ranWell = new Set<string>();

  return {
    validate: async (context) => {
      for (const name of ['plugin_validate_config', 'plugin_run_backup'] as const) {
        if (!has(name)) throw new BackupError('config', `${probed.file}: Required function ${name} not found.`);
      }
      return withEmptyDirectory(context, (directory) => call('plugin_validate_config', directory, context));
    },

    prepare: async (context) => {
      if (!has('plugin_prepare_backup') && !has('plugin_emergency_cleanup')) return;
      await rememberBegin(context);
      if (!has('plugin_prepare_backup')) return;
      const warnings = await rememberState(context, () => call('plugin_prepare_backup', context.stage, context));
      for (const warning of warnings) context.log.warn(warning);
    },

    run: async (context) => {
      const before = await countFiles(context.stage);
      const warnings = await rememberState(context, () => call('plugin_run_backup', context.stage, context));
      ranWell.add(context.stage);
      if ((await countFiles(context.stage)) > before) return { warnings };
      return { warnings: [...warnings, `${basename(probed.file)} ended without error but saved no file.`] };
    },

    post: async (context) => {
      const memo = memoOf(context);
      if (memo === undefined || memo.done) return;
      const isWell = ranWell.delete(memo.stage);
      await inBackupDirectory(memo, async (directory) => {
        await putBack({ probed, io, context, memo, directory }, isWell);
        await removeState(directory, await ownFiles(directory, memo));
      });
      await context.remember({ ...memo, state: {}, done: true });
    },
  };
}

/** Nothing is saved yet: a plugin that validates gets an empty directory, as if it were the service's. */
async function withEmptyDirectory<Result>(
  { service }: PluginContext,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const root = await mkdtemp(join(tmpdir(), 'backup-validate-'));
  try {
    const directory = join(root, service.type, service.name);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await work(directory);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function countFiles(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true });
  const below = entries.map(async (entry) => {
    if (entry.name === STATE) return 0;
    return entry.isDirectory() ? countFiles(join(directory, entry.name)) : 1;
  });
  return (await Promise.all(below)).reduce((sum, count) => sum + count, 0);
}
