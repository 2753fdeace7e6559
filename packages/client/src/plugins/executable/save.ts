// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult, Tree } from '../../plugin.ts';
import type { Reply } from './call.ts';
import { call, type Executable, logWarnings, type Options, warningsOf } from './stages.ts';
import { withStateToRead, withStateToWrite } from './state.ts';
import { type ToldTree, treesOf } from './trees.ts';

type Context = PluginContext<Options>;

/** The stages of a backup, as the core calls them. */
export function saveStages(executable: Executable, { savesNothing }: { readonly savesNothing: boolean }) {
  const { name } = executable;
  return {
    validate: async (context: Context): Promise<readonly string[]> => {
      return warningsOf(await call(executable, context, { stage: 'validate' }));
    },

    prepare: async (context: Context): Promise<void> => {
      await withStateToWrite(join(context.stage, `.${name}.backup-state`), context, async ({ file, remember }) => {
        const how = { stage: 'prepare', env: { BACKUP_STATE: file }, onRemember: remember } as const;
        logWarnings(await call(executable, context, how), context);
      });
    },

    run: async (context: Context): Promise<TaskResult> => {
      const directory = join(context.stage, name);
      await mkdir(directory, { mode: 0o700 });
      const reply = await call(executable, context, {
        stage: 'run',
        env: { BACKUP_STAGE: directory },
        cwd: directory,
      });
      const isEmpty = (await readdir(directory)).length === 0;
      if (isEmpty) await rmdir(directory);
      const result = resultOf(reply, name);
      if (isEmpty && result.trees.length === 0 && !savesNothing) throw nothingSaved(name);
      return result;
    },

    post: async (context: Context): Promise<void> => {
      if (context.remembered() === undefined) return;
      await withStateToRead(context, async (file) => {
        logWarnings(await call(executable, context, { stage: 'post', env: { BACKUP_STATE: file } }), context);
      });
    },
  };
}

function nothingSaved(name: string): BackupError {
  return new BackupError(
    'failed',
    `${name} ended without error, but wrote no file into its working directory (also in $BACKUP_STAGE) and named no tree. ` +
      'What it prints is not saved. If it is there to stop and start something only, let its description say: "saves_nothing": true',
  );
}

function resultOf(reply: Reply, name: string): TaskResult & { readonly trees: readonly Tree[] } {
  const trees: ToldTree[] = [];
  const facts: Record<string, string> = {};
  const tables = new Map<string, number | undefined>();
  for (const answer of reply.told) {
    if (answer.kind === 'tree') trees.push(answer.value);
    else if (answer.kind === 'fact') Object.assign(facts, answer.value);
    else if (answer.kind === 'tables') {
      for (const [table, rows] of Object.entries(answer.value)) tables.set(table, rows ?? undefined);
    }
  }
  return { trees: treesOf(trees, name), warnings: warningsOf(reply), facts, ...(tables.size === 0 ? {} : { tables }) };
}
