// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { stampOf } from '@local-backup/common/archive-name';
import type { BytePath } from '@local-backup/common/byte-path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';
import type { PutBack } from '../../plugin-tools/put-back/compare.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { compareTrees, putTreesBack, realRoot, revertTrees, treeSteps } from '../../plugin-tools/put-back/put-back.ts';
import { verifyTrees } from '../../plugin-tools/put-back/verify-back.ts';
import { callModule, type ModuleFile } from './call-module.ts';
import { ORIGINS, type Origin, originsSchema } from './configuration.ts';
import type { ModuleOptions } from './options.ts';
import { restoringModules } from './restoring-modules.ts';

type Context = RestoreContext<ModuleOptions>;

/** Directory of the service in the archive. */
export const DIRECTORY = 'modules';

const ALL = '.' as BytePath;
const note = (what: string): RestoreStep => ({ action: 'note', what });

/** Puts configuration back to where it came from, then calls `restore_<name>` of the modules that define it. */
export const restore: TaskRestore<ModuleOptions> = {
  async plan(context) {
    const { trees, loading, notes } = await planned(context);
    const found = await compareTrees(trees, context);
    const loads = loading.map(({ name, file }): RestoreStep => {
      return { action: 'load', what: `by restore_${name} of ${file}, from a copy of ${DIRECTORY}/${name}` };
    });
    const undone = 'what these functions do is not undone when the restore fails after them';
    return [
      ...found.flatMap((one) => treeSteps(one, context.kept)),
      ...loads,
      ...(loads.length === 0 ? [] : [note(undone)]),
      ...notes.map(note),
    ];
  },

  async apply(context) {
    const { trees, loading } = await planned(context);
    const found = await compareTrees(trees, context);
    const warnings = [...(await putTreesBack(found, context, context.remember))];
    for (const module of loading) warnings.push(...(await load(module, context)));
    return warnings;
  },

  revert: (context) => revertTrees(context.remembered(), context, context.remember),

  verify: async (context) => verifyTrees((await planned(context)).trees),
};

/** @throws BackupError with everything that is in the way */
async function planned(context: Context) {
  if (context.as !== undefined) {
    throw new BackupError('config', 'What modules have saved has no other name to be restored under: use --to DIR.');
  }
  const { copy, options } = context;
  const problem = await problemInCopy(copy, DIRECTORY, ALL);
  if (problem !== undefined) throw new BackupError('failed', `The copy is not whole: ${problem}.`);
  const names = (await readdir(join(copy, DIRECTORY), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^[A-Za-z0-9_][\w-]*$/.test(entry.name))
    .map(({ name }) => name)
    .filter((name) => options.only?.includes(name) ?? true)
    .sort();
  const { trees, notes } = await configurationTrees(names, context);
  const { loading, notes: about } = await restoringModules(names, join(copy, DIRECTORY), options);
  const nothing = names.length === 0 ? ['the copy holds no module that `only` names: nothing to put back'] : [];
  return { trees, loading, notes: [...notes, ...about, ...nothing] };
}

async function configurationTrees(names: readonly string[], { copy, options }: Context) {
  const notes: string[] = [];
  const trees: PutBack[] = [];
  // Archives of old versions hold no record.
  if ((await problemInCopy(copy, DIRECTORY, ORIGINS as BytePath)) !== undefined) {
    notes.push(`where ${DIRECTORY}/*/config comes from was not written down when it was saved: put it back by hand`);
    return { trees, notes };
  }
  const { modules } = await readRecord(copy, `${DIRECTORY}/${ORIGINS}`, originsSchema);
  const all = names.flatMap((name) => (modules[name] ?? []).map((origin, index) => ({ name, origin, index })));
  const isAllowed = (name: string, root: string) => options.config_roots.some((one) => join(one, name) === root);
  for (const { name, origin, index } of all) {
    if (isAllowed(name, origin.root)) trees.push(await treeOf(name, modules[name] ?? [], index, copy));
    else notes.push(`${showControls(origin.root)} is not put back: \`config_roots\` does not name where it is`);
  }
  const problems = await Promise.all(trees.map(({ name }) => problemInCopy(copy, name, ALL)));
  const problem = problems.find((one) => one !== undefined);
  if (problem !== undefined) throw new BackupError('failed', `The copy is not whole: ${problem}.`);
  return { trees, notes };
}

async function treeOf(name: string, origins: readonly Origin[], index: number, copy: string): Promise<PutBack> {
  const { root = '', paths } = origins[index] ?? {};
  const config = `${DIRECTORY}/${name}/config`;
  const tree = {
    data: join(copy, config),
    name: config,
    root: await realRoot(root),
    keepIn: `config-${name}-${index}`,
  };
  if (paths === undefined) return { ...tree, paths: [ALL] };
  const wanted = new Set(paths);
  const isWanted = (path: BytePath) => path === ALL || wanted.has(path);
  // The directory itself has owner and mode of the last one that was copied.
  if (index === origins.length - 1) return { ...tree, paths: [ALL], isWanted };
  const there = new Set(await readdir(tree.data, { encoding: 'latin1' }).catch((): string[] => []));
  const tops = paths.filter((path) => !path.includes('/') && there.has(path));
  return { ...tree, paths: tops as BytePath[], isWanted };
}

/** @throws BackupError `failed` with the words of the module */
async function load(module: ModuleFile, context: Context): Promise<readonly string[]> {
  const { copy, scratch, exec, options, signal } = context;
  const directory = join(scratch, DIRECTORY);
  const component = join(directory, module.name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Modules unpack in place, and the copy is not theirs to change.
  const source = join(copy, DIRECTORY, module.name);
  await exec('cp', ['-a', '--reflink=auto', '--', source, directory], { cwd: '/', timeoutMs: options.timeout, signal });
  const reportFile = join(scratch, `${module.name}.reports`);
  const around = { directory, reportFile, hostname: hostname(), stamp: stampOf(new Date()) };
  const { isMissing, problem, reports } = await callModule('restore', { ...module, component }, context, around);
  if (isMissing) return [`${module.file} defines no restore_${module.name} when it is read: nothing was called.`];
  const bad = reports.find(({ status }) => status !== 'success');
  const reported =
    bad === undefined
      ? undefined
      : `it reports ${bad.status} for ${showControls(bad.name)}, or nothing that can be read.`;
  const reason = problem ?? reported;
  if (reason === undefined) return [];
  throw new BackupError('failed', `restore_${module.name} of ${module.file} failed: ${reason}`);
}
