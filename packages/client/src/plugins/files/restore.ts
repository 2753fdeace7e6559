// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { compareTrees, putTreesBack, revertTrees, treeSteps } from '../../plugin-tools/put-back/put-back.ts';
import { requireSame, verifyPaths } from './after-restore.ts';
import type { FilesOptions } from './options.ts';
import { outermost, savedPaths } from './saved-paths.ts';

type Context = RestoreContext<FilesOptions>;

/** Puts files back in place. What is on the host and not in the copy stays. */
export const restoreFiles: TaskRestore<FilesOptions> = {
  async plan(context) {
    const { found, notes } = await compare(context);
    return [...found.flatMap((one) => treeSteps(one, context.kept)), ...notes];
  },

  async apply(context) {
    const { found } = await compare(context);
    const since = Date.now();
    const warnings = await putTreesBack(found, context, context.remember);
    return [...warnings, ...(await requireSame(found, since))];
  },

  revert: (context) => revertTrees(context.remembered(), context, context.remember),

  verify: async (context) => verifyPaths(join(context.copy, 'data'), outermost(await savedPaths(context))),
};

/** @throws BackupError with everything that is in the way */
async function compare(context: Context) {
  if (context.as !== undefined) {
    throw new BackupError('config', 'Files have no other name to be restored under: use --to DIR.');
  }
  const paths = await savedPaths(context);
  const damaged = paths.flatMap(({ path, problem }) => (problem === undefined ? [] : [`${path}: ${problem}.`]));
  if (damaged.length > 0) throw new BackupError('failed', `The copy is not whole:\n${damaged.join('\n')}`);
  const wanted = outermost(paths);
  if (wanted.includes('.' as BytePath)) {
    throw new BackupError(
      'failed',
      'A whole system cannot be put back in place while it runs: start another one, and use --to DIR for its disk.',
    );
  }
  const tree = { data: join(context.copy, 'data'), name: 'data', root: '/', paths: wanted, keepIn: '' };
  const absent = paths.filter(({ saved }) => saved === undefined);
  const notes = absent.map(({ path }): RestoreStep => {
    return { action: 'note', what: `${path} did not exist when the others were saved: it is left alone` };
  });
  return { found: await compareTrees([tree], context), notes };
}
