// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import type { PutBack } from '../../plugin-tools/put-back/compare.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { compareTrees, putTreesBack, realRoot, revertTrees, treeSteps } from '../../plugin-tools/put-back/put-back.ts';
import { verifyTrees } from '../../plugin-tools/put-back/verify-back.ts';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import type { RunPartsOptions } from './options.ts';
import { DIRECTORY, runScripts, scriptsIn } from './scripts.ts';

type Context = RestoreContext<RunPartsOptions>;

/** Puts back what the scripts had left, then has scripts of the admin's load it. */
export const restore: TaskRestore<RunPartsOptions> = {
  async plan(context) {
    const { restore_scripts: directory, output } = context.options;
    const found = await compareTrees(await treesOf(context), context);
    const loading = await loadingSteps(context);
    const note: RestoreStep = {
      action: 'note',
      what: `what is in ${output} then has to be loaded by hand: name scripts for it by \`restore_scripts\``,
    };
    return [...found.flatMap((one) => treeSteps(one, context.kept)), ...(directory === undefined ? [note] : loading)];
  },

  async apply(context) {
    const { restore_scripts: directory, output } = context.options;
    await trustedScripts(context);
    const warnings = await putTreesBack(await compareTrees(await treesOf(context), context), context, context.remember);
    if (directory !== undefined) await runScripts(directory, context, ['--exit-on-error', `--arg=${output}`]);
    return warnings;
  },

  revert: (context) => revertTrees(context.remembered(), context, context.remember),

  verify: async (context) => verifyTrees(await treesOf(context)),
};

/** @throws BackupError with what is in the way */
async function treesOf(context: Context): Promise<readonly PutBack[]> {
  if (context.as !== undefined) {
    throw new BackupError('config', 'What scripts have left has no other name to be restored under: use --to DIR.');
  }
  const all = '.' as BytePath;
  const problem = await problemInCopy(context.copy, DIRECTORY, all);
  if (problem !== undefined) throw new BackupError('failed', `The copy is not whole: ${problem}.`);
  const root = await realRoot(context.options.output);
  return [{ data: join(context.copy, DIRECTORY), name: DIRECTORY, root, paths: [all], keepIn: '' }];
}

async function trustedScripts(context: Context): Promise<readonly string[]> {
  const { restore_scripts: directory } = context.options;
  if (directory === undefined) return [];
  const scripts = await scriptsIn(directory, 'restore_scripts', context);
  for (const script of scripts) await requireTrustedFile(script);
  return scripts;
}

async function loadingSteps(context: Context): Promise<readonly RestoreStep[]> {
  const { output, restore_scripts: directory } = context.options;
  const scripts = await trustedScripts(context);
  if (scripts.length === 0) {
    return [{ action: 'note', what: `${directory} holds no script that run-parts would run: nothing is loaded` }];
  }
  return [
    ...scripts.map((script): RestoreStep => ({ action: 'load', what: `by ${script}, with ${output} as its argument` })),
    { action: 'note', what: 'what these scripts do is not undone when the restore fails after them' },
  ];
}
