// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import type { PutBack } from '../../plugin-tools/put-back/compare.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { compareTrees, putTreesBack, realRoot, revertTrees, treeSteps } from '../../plugin-tools/put-back/put-back.ts';
import { verifyTrees } from '../../plugin-tools/put-back/verify-back.ts';
import { ARCHIVE, CUSTOM, DUMP } from './names.ts';
import type { UniventionOptions } from './options.ts';

type Context = RestoreContext<UniventionOptions>;

const PROCEDURE =
  'a domain controller is not made by this: what is in the archive is put back by the procedure of Univention; the page of ' +
  'the plugin `univention` tells how to begin';

/** Puts the archive back where `univention-backup` had left it, and the further files in place. Nothing is loaded. */
export const restore: TaskRestore<UniventionOptions> = {
  async plan(context) {
    const { trees, notes } = await treesOf(context);
    const found = await compareTrees(trees, context);
    return [...found.flatMap((one) => treeSteps(one, context.kept)), ...notes, { action: 'note', what: PROCEDURE }];
  },

  async apply(context) {
    const { trees } = await treesOf(context);
    return putTreesBack(await compareTrees(trees, context), context, context.remember);
  },

  revert: (context) => revertTrees(context.remembered(), context, context.remember),

  verify: async (context) => verifyTrees((await treesOf(context)).trees),
};

/** @throws BackupError with everything that is in the way */
async function treesOf(context: Context) {
  if (context.as !== undefined) {
    throw new BackupError('config', 'A server has no other name to be restored under: use --to DIR.');
  }
  const { copy } = context;
  const names = (await readdir(join(copy, DUMP)).catch((): string[] => [])).filter((name) => ARCHIVE.test(name));
  if (names.length === 0) throw new BackupError('failed', `The copy is not whole: no archive is in ${DUMP}.`);
  for (const name of names) await fileInCopy(copy, `${DUMP}/${name}`);
  const root = await realRoot(context.options.backup_directory);
  const dump = {
    data: join(copy, DUMP),
    name: DUMP,
    root,
    paths: names.map(bytePathOfText),
    keepIn: 'dump',
    rootMode: 0o700,
  };
  const { tree, notes } = await customTree(context);
  return { trees: tree === undefined ? [dump] : [dump, tree], notes };
}

async function customTree({ copy, options: { custom_paths } }: Context) {
  const notes: RestoreStep[] = [];
  const paths = new Set<BytePath>();
  for (const path of custom_paths) {
    const relative = bytePathOfText(normalize(`${path}/`).slice(1, -1) || '.');
    if (relative === '.') {
      throw new BackupError(
        'failed',
        '`custom_paths` names a whole system, which cannot be put back in place while it runs: use --to DIR.',
      );
    }
    const problem = await problemInCopy(copy, CUSTOM, relative);
    if (problem === undefined) paths.add(relative);
    else notes.push({ action: 'note', what: `${path} is left alone: ${problem}` });
  }
  const outermost = [...paths].filter((path) => ![...paths].some((other) => path.startsWith(`${other}/`)));
  const place = { data: join(copy, CUSTOM), name: CUSTOM, root: '/', keepIn: 'custom' };
  const tree: PutBack | undefined = outermost.length === 0 ? undefined : { ...place, paths: outermost };
  return { tree, notes };
}
