// SPDX-License-Identifier: AGPL-3.0-or-later
import { resolve } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { escapeExcludePattern } from '../../exclude-pattern.ts';
import { definePlugin, type PluginContext, type Tree } from '../../plugin.ts';
import { makeSnapshots } from '../../plugin-tools/snapshot/index.ts';
import { planSnapshots } from '../../plugin-tools/snapshot/plan.ts';
import { entriesOf, type FilesOptions, options } from './options.ts';
import { type FilesPlan, planFiles } from './plan.ts';
import { restoreFiles } from './restore.ts';
import { writeSaved } from './saved.ts';
import { removeRemembered, snapshotOf, snapshotRequest } from './snapshot.ts';
import { verifyFiles } from './verify.ts';

/** Containers and units are stopped before: what a snapshot holds is what they have left. */
const ORDER = 90;

/** Saves trees of files in place, or from a snapshot: they are read once, straight into the archive. */
export const files = definePlugin<FilesOptions>({
  name: 'files',
  summary: 'Saves files and directories, read in place or from a snapshot.',
  options,
  order: ORDER,
  // What it remembers is a snapshot.
  stopsNothing: true,

  async validate(context) {
    const plan = await planFiles(context.options);
    return [...oldOptionWarnings(context.options), ...plan.warnings, ...(await inPlaceWarnings(plan, context))];
  },

  async prepare(context) {
    const request = snapshotRequest(context.options, await planFiles(context.options));
    if (request !== undefined) await makeSnapshots(request, context);
  },

  async run(context) {
    const plan = await planFiles(context.options);
    const memo = snapshotOf(context);
    await writeSaved(context.stage, plan.located);
    return {
      trees: treesOf(plan, memo?.root),
      warnings: [...plan.warnings, ...(memo?.warnings ?? (await inPlaceWarnings(plan, context)))],
      snapshot: memo?.root !== undefined && memo.complete === true,
    };
  },

  post: removeRemembered,
  verify: verifyFiles,
  restore: restoreFiles,

  reads: (task) => entriesOf(task).map(({ path, exclude }) => ({ root: '/', path: resolve(path), exclude })),

  describe(task) {
    const paths = entriesOf(task).map(({ path }) => path);
    return task.snapshot === 'none' ? paths.join(', ') : `${paths.join(', ')}; snapshot: ${task.snapshot}`;
  },
});

/** What is read in place though a snapshot is asked for. */
async function inPlaceWarnings(plan: FilesPlan, context: PluginContext<FilesOptions>): Promise<readonly string[]> {
  const request = snapshotRequest(context.options, plan);
  return request === undefined ? [] : (await planSnapshots(request, context)).warnings;
}

function treesOf({ groups, madeUp }: FilesPlan, view: string | undefined): readonly Tree[] {
  const empty = madeUp.map((directory) => `${escapeExcludePattern(directory)}/`);
  const from = view === undefined ? { root: '/' } : { root: view, shows: '/' };
  return groups.map(({ paths, exclude, oneFileSystem }) => {
    return { into: 'data', ...from, paths: paths.map(relativeToRoot), exclude: [...exclude, ...empty], oneFileSystem };
  });
}

function oldOptionWarnings({ rsync_options: old }: FilesOptions): readonly string[] {
  if (old === undefined) return [];
  return [
    '`rsync_options` has no effect: nothing is copied by rsync. Write what it left out into `exclude`, ' +
      '`--one-file-system` as `one_file_system: true`, and remove it.',
  ];
}

function relativeToRoot(path: string): BytePath {
  return bytePathOfText(path === '/' ? '.' : path.slice(1));
}
