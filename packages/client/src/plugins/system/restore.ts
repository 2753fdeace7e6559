// SPDX-License-Identifier: AGPL-3.0-or-later

import { BackupError, describeError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import * as z from 'zod';
import type { Check, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import type { PutBack } from '../../plugin-tools/put-back/compare.ts';
import { compareTrees, putTreesBack, revertTrees, treeSteps } from '../../plugin-tools/put-back/put-back.ts';
import { requireUsableSsh } from './check-ssh.ts';
import { type Difference, findDifferences } from './differences.ts';
import { someOf } from './lists.ts';
import type { SystemOptions } from './options.ts';
import { ownerWarnings } from './owners.ts';
import { available, install, mark, type PackageDifferences, packageDifferences, updateSources } from './packages.ts';
import { compareSystem, type Differences, listsIn, notesAbout, type SystemContext, treeOf } from './plan-restore.ts';
import type { Restorable } from './restorable.ts';
import { systemctl, type UnitDifferences, unitDifferences } from './unit-states.ts';

const memoSchema = z.object({
  /** As revertTrees takes them. */
  trees: z.array(z.unknown()).default([]),
  /** Packages that were to be installed. */
  installing: z.array(z.string()).default([]),
  /** Packages that were marked as installed by hand, put on hold, and units that were enabled. */
  manual: z.array(z.string()).default([]),
  held: z.array(z.string()).default([]),
  enabled: z.array(z.string()).default([]),
});

type Memo = z.infer<typeof memoSchema>;

/** Files that are put back when the packages are there: what these bring is replaced. */
const AFTER_PACKAGES: readonly Restorable[] = ['settings', 'cron', 'network'];

const step = (action: RestoreStep['action'], what: string): RestoreStep => ({ action, what });

/**
 * Puts back what `restore` names, and nothing else: a running machine is not made another one by a word on the command line.
 * Nothing is removed, started or restarted.
 * @param root of the host; another one than `/` in tests
 */
export function restoreBelow(root: string): TaskRestore<SystemOptions> {
  return {
    plan: (context) => planOf(context, root),

    async apply(context) {
      const { restore: chosen } = context.options;
      const warnings = [...(await putFiles(['apt'], context, root))];
      if (chosen.includes('packages')) warnings.push(...(await putPackages(context)));
      warnings.push(...(await putFiles(AFTER_PACKAGES, context, root)));
      if (chosen.includes('units')) await enableUnits(context);
      return warnings;
    },

    revert,

    verify: (context) => verifyChosen(context, root),
  };
}

const RESTART = 'nothing is started or restarted but by the packages themselves: restart the machine when all is back';
const UNCHOSEN = 'nothing is changed: name by `restore` in service.yaml what is to be put back';

async function planOf(context: SystemContext, root: string): Promise<readonly RestoreStep[]> {
  const { restore: chosen } = context.options;
  if (chosen.includes('packages')) await requireApt();
  const found = await compareSystem(context, root);
  const steps = [
    ...(await fileSteps(treesOf(['apt'], found.files, context, root), context)),
    ...packageSteps(found, context),
    ...(await fileSteps(treesOf(AFTER_PACKAGES, found.files, context, root), context)),
    ...unitSteps(found, context),
  ];
  const owners = await ownerWarnings(chosenOf(chosen, found.files, context), context.copy, root);
  const notes = [...owners, ...notesAbout(found, chosen)].map((one) => step('note', one));
  if (steps.length > 0) return [...steps, ...notes, step('note', RESTART)];
  if (notes.length === 0) return [step('note', 'everything is as it was saved')];
  return chosen.length === 0 ? [...notes, step('note', UNCHOSEN)] : notes;
}

async function fileSteps(trees: readonly PutBack[], context: SystemContext): Promise<readonly RestoreStep[]> {
  return (await compareTrees(trees, context)).flatMap((one) => treeSteps(one, context.kept));
}

function treesOf(
  words: readonly Restorable[],
  files: readonly Difference[],
  { copy, options }: SystemContext,
  root: string,
): readonly PutBack[] {
  const chosen = words.filter((word) => options.restore.includes(word));
  const tree = treeOf(files, chosen, { copy, root, keepIn: words[0] ?? '' });
  return tree === undefined ? [] : [tree];
}

async function putFiles(
  words: readonly Restorable[],
  context: SystemContext,
  root: string,
): Promise<readonly string[]> {
  // Again: packages may have been installed since the plan.
  const files = await findDifferences(context.copy, root);
  const trees = treesOf(words, files, context, root);
  const memo = memoOf(context);
  const warnings = await putTreesBack(await compareTrees(trees, context), context, (added) => {
    return context.remember({ ...memo, trees: [...memo.trees, ...added.trees] });
  });
  const paths = trees.flatMap((tree) => tree.paths);
  if (paths.some((path) => `${path}/`.startsWith('etc/ssh/'))) await requireUsableSsh(context, root);
  return [...warnings, ...(await ownerWarnings(chosenOf(words, files, context), context.copy, root))];
}

function chosenOf(words: readonly Restorable[], files: readonly Difference[], { options }: SystemContext) {
  return files.filter(({ word }) => words.some((one) => one === word && options.restore.includes(one)));
}

async function putPackages(context: SystemContext): Promise<readonly string[]> {
  const lists = await listsIn(context.copy);
  const before = await packageDifferences(context, lists, false);
  if (before === undefined) return [];
  const warnings: string[] = [];
  if (before.missing.length > 0) {
    warnings.push(...(await updateSources(context)));
    const names = await available(before.missing, context);
    const others = before.missing.filter((name) => !names.includes(name));
    if (others.length > 0) warnings.push(`No source of apt has ${others.join(', ')}: not installed.`);
    await context.remember({ ...memoOf(context), installing: names });
    if (names.length > 0) await install(names, context);
  }
  // What was installed can be held now.
  const { unmarked = [], unheld = [] } = (await packageDifferences(context, lists, true)) ?? {};
  await context.remember({ ...memoOf(context), manual: unmarked, held: unheld });
  await mark('manual', unmarked, context);
  await mark('hold', unheld, context);
  return warnings;
}

async function enableUnits(context: SystemContext): Promise<void> {
  if ((await findProgram('systemctl')) === undefined) return;
  await systemctl(['daemon-reload'], context);
  const { disabled = [] } = (await unitDifferences(context, await listsIn(context.copy))) ?? {};
  if (disabled.length === 0) return;
  await context.remember({ ...memoOf(context), enabled: disabled });
  await systemctl(['enable', '--', ...disabled], context);
}

/**
 * What was chosen, once all is back. Nothing of it was started, but other programs may write these files: only what is
 * missing, or not enabled, is a failure. A package that no source has was told before.
 */
async function verifyChosen(context: SystemContext, root: string): Promise<readonly Check[]> {
  const { copy, options } = context;
  const checks = options.restore
    .filter((word) => word !== 'units' && word !== 'packages')
    .map((word) => ({ word, files: [] as Difference[] }));
  for (const one of await findDifferences(copy, root)) checks.find(({ word }) => word === one.word)?.files.push(one);
  const found = checks.map(({ word, files }): Check => {
    const missing = files.filter(({ isMissing }) => isMissing).length;
    const message = `${missing} files are missing, ${files.length - missing} are different`;
    return { name: word, status: missing === 0 ? 'ok' : 'failed', message };
  });
  const lists = await listsIn(copy);
  if (options.restore.includes('packages')) found.push(checkPackages(await packageDifferences(context, lists, false)));
  if (options.restore.includes('units')) found.push(checkUnits(await unitDifferences(context, lists)));
  return found;
}

function checkPackages(packages: PackageDifferences | undefined): Check {
  const name = 'packages';
  if (packages === undefined)
    return { name, status: 'skipped', message: 'no list of them was saved, or no dpkg is here' };
  const { missing } = packages;
  return {
    name,
    status: 'ok',
    message: missing.length === 0 ? 'all are installed' : `not installed: ${someOf(missing)}`,
  };
}

function checkUnits(units: UnitDifferences | undefined): Check {
  const name = 'units';
  if (units === undefined)
    return { name, status: 'skipped', message: 'no list of them was saved, or systemd does not answer' };
  const { disabled, ofDisks, gone } = units;
  if (disabled.length > 0) return { name, status: 'failed', message: `not enabled: ${someOf(disabled)}` };
  const others = [...gone, ...ofDisks];
  const message =
    others.length === 0 ? 'all are enabled' : `enabled but for ${someOf(others)}, which are not here, or by hand`;
  return { name, status: 'ok', message };
}

/** Installed packages stay: removing them could take others along. */
async function revert(context: SystemContext): Promise<void> {
  if (context.remembered() === undefined) return;
  const { trees, installing, manual, held, enabled } = memoOf(context);
  const { log } = context;
  if (enabled.length > 0) {
    const complain = (error: unknown) => log.warn(`Units stay enabled: ${describeError(error)}`);
    await systemctl(['disable', '--', ...enabled], context).catch(complain);
  }
  await revertTrees({ trees }, context, (nothing) => context.remember({ ...memoOf(context), ...nothing }));
  await mark('unhold', held, context);
  await mark('auto', manual, context);
  if (installing.length > 0) {
    const hint = '`dpkg --configure -a` ends what was interrupted, `apt-get remove` takes away what is not wanted';
    log.warn(`Packages that were installed stay (${someOf(installing)}): ${hint}.`);
  }
  await context.remember({});
}

async function requireApt(): Promise<void> {
  for (const program of ['apt-get', 'apt-cache', 'apt-mark']) {
    if ((await findProgram(program)) !== undefined) continue;
    throw new BackupError('config', `${program} is not on this machine: take \`packages\` out of \`restore\`.`);
  }
}

function memoOf(context: SystemContext): Memo {
  return memoSchema.parse(context.remembered() ?? {});
}

function packageSteps({ packages }: Differences, { options: { restore: chosen } }: SystemContext): RestoreStep[] {
  if (packages === undefined || !chosen.includes('packages')) return [];
  const { missing, unmarked, unheld } = packages;
  const sources = 'as far as the sources of apt have them; they are not removed again when the restore fails';
  return [
    // All of them: one that hides behind others would be installed as root.
    ...(missing.length === 0 ? [] : [step('load', `${missing.length} packages (${missing.join(', ')}), ${sources}`)]),
    ...(unmarked.length === 0 ? [] : [step('replace', `the mark of ${unmarked.length} packages: installed by hand`)]),
    ...(unheld.length === 0 ? [] : [step('replace', `the mark of ${someOf(unheld)}: on hold`)]),
  ];
}

function unitSteps({ units }: Differences, { options: { restore: chosen } }: SystemContext): RestoreStep[] {
  if (!chosen.includes('units') || units === undefined || units.disabled.length === 0) return [];
  return [step('replace', `the state of ${units.disabled.join(', ')}: enabled, not started`)];
}
