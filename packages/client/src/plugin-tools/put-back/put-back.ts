// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, open, readFile, realpath, rm, rmdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BytePath, displayPath, showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep } from '../../plugin-copy.ts';
import { readMounts } from '../snapshot/mounts.ts';
import { bytesBelow } from './bytes-below.ts';
import { type Comparison, compareWithHost, listBytes, onHost, type PutBack } from './compare.ts';
import { copyByTar, extractTar, writeTar } from './move.ts';
import { removeCreated } from './undo-created.ts';

type Context = Pick<RestoreContext, 'exec' | 'tools' | 'signal' | 'scratch' | 'kept' | 'log'>;

/** A tree of the copy, and what it is on the host. */
export interface Compared {
  readonly tree: PutBack;
  readonly compared: Comparison;
}

/**
 * What is kept of the host: what had to give way, with all that was in it, and single entries. These are put back last:
 * times of directories are among them.
 */
const KEPT = ['cleared.tar', 'replaced.tar'] as const;
/** What was not there before. */
const CREATED = 'created.list';

const memoSchema = z.object({
  trees: z.array(
    z.object({
      root: z.string(),
      keepIn: z.string(),
      /** Which of KEPT there are. */
      archives: z.tuple([z.boolean(), z.boolean()]),
      /** Directories above what is put back, and `root` itself, that were made. */
      made: z.array(z.string()),
    }),
  ),
});

/** What {@link revertPutBack} needs; plain JSON. */
export type PutBackMemo = z.infer<typeof memoSchema>;

/** A directory of the configuration without links on the way: `/var/run/x` is `/run/x`. One that is missing is as it is. */
export async function realRoot(directory: string): Promise<string> {
  return realpath(directory).catch(() => directory);
}

/**
 * Compares trees of the copy with the host; changes nothing.
 * @throws BackupError `failed` with everything that keeps them from being put back
 */
export async function compareTrees(
  trees: readonly PutBack[],
  { kept }: Pick<RestoreContext, 'kept'>,
): Promise<readonly Compared[]> {
  const mounts = await readMounts();
  const found: Compared[] = [];
  for (const tree of trees) found.push({ tree, compared: await compareWithHost(tree, mounts) });
  const keptBytes = found.reduce((sum, { compared }) => sum + compared.keptBytes, 0);
  const problems = [...found.flatMap(({ compared }) => compared.problems), ...(await spaceProblems(kept, keptBytes))];
  if (problems.length === 0) return found;
  const hint = 'Put right what is named, or use --to DIR and copy what you need.';
  throw new BackupError('failed', `The files cannot be put back in place:\n${problems.join('\n')}\n${hint}`);
}

async function spaceProblems(kept: string, keptBytes: number): Promise<string[]> {
  const { bavail, bsize } = await statfs(kept);
  const free = bavail * bsize;
  if (keptBytes <= free) return [];
  return [`${formatBytes(keptBytes)} would be kept of what is replaced, but ${kept} has ${formatBytes(free)} free.`];
}

/** The lines of the plan about one tree. */
export function treeSteps({ tree, compared }: Compared, kept: string): readonly RestoreStep[] {
  const { root, paths, keepIn } = tree;
  const { created, replaced, cleared, keptBytes } = compared;
  const step = (action: RestoreStep['action'], what: string): RestoreStep => ({ action, what });
  const missing = created.length - cleared.length;
  const old = replaced.length + cleared.length;
  const what = `${old} files and directories (${formatBytes(keptBytes)}), in ${join(kept, keepIn)}`;
  return [
    ...(old === 0 ? [] : [step('keep', what)]),
    ...cleared.map((path) => step('replace', `${onHost(root, path)}, which is of another type now`)),
    ...paths.map((path) => step('replace', describe(path, tree, compared))),
    ...(missing === 0 ? [] : [step('create', `${missing} files and directories that are missing`)]),
    ...[...compared.extra].map(([path, count]) => {
      return step('note', `${count} entries of ${onHost(root, path)} are not in the copy: they stay`);
    }),
  ];
}

function describe(path: BytePath, { name, root }: PutBack, { restored }: Comparison): string {
  const count = restored.filter((one) => path === '.' || one === path || one.startsWith(`${path}/`)).length;
  const from = path === '.' ? name : `${name}/${displayPath(path)}`;
  return `${onHost(root, path)} (${count} files and directories), from ${from}`;
}

/**
 * Puts trees back. All that is replaced is kept before the first is touched.
 * @param note writes down on disk what a revert needs
 * @returns what tar has to say, line by line
 */
export async function putTreesBack(
  found: readonly Compared[],
  context: Context,
  note: (memo: PutBackMemo) => Promise<void>,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const trees: PutBackMemo['trees'] = [];
  for (const one of found) {
    warnings.push(...(await keepOld(one, context)));
    const { tree, compared } = one;
    const archives: [boolean, boolean] = [compared.cleared.length > 0, compared.replaced.length > 0];
    const { root, keepIn } = tree;
    trees.push({ root, keepIn, archives, made: await missingAbove(root) });
  }
  await note({ trees });
  for (const [index, one] of found.entries()) warnings.push(...(await put(one, trees[index]?.made ?? [], context)));
  return warnings;
}

async function put(
  { tree, compared }: Compared,
  missing: readonly string[],
  context: Context,
): Promise<readonly string[]> {
  for (const directory of missing) {
    const mode = directory === tree.root ? (tree.rootMode ?? 0o755) : 0o755;
    // `recursive`: another tree may have made it by now.
    await mkdir(directory, { recursive: true, mode });
  }
  for (const path of compared.cleared) await rm(bytesBelow(tree.root, path), { recursive: true, force: true });
  if (compared.restored.length === 0) return [];
  return copyByTar({ root: tree.data, paths: compared.restored, recursion: false }, tree.root, context);
}

/** Directories that have to be made before anything can be put into `root`, the outermost first. */
async function missingAbove(root: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = root; (await lstat(at).catch(() => undefined)) === undefined; at = dirname(at)) missing.unshift(at);
  return missing;
}

async function keepOld({ tree, compared }: Compared, context: Context): Promise<readonly string[]> {
  const directory = join(context.kept, tree.keepIn);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const whole = { root: tree.root, paths: compared.cleared, recursion: true };
  const single = { root: tree.root, paths: compared.replaced, recursion: false };
  const warnings: string[] = [];
  for (const [index, reading] of [whole, single].entries()) {
    if (reading.paths.length === 0) continue;
    const file = join(directory, KEPT[index] ?? '');
    warnings.push(...(await writeTar(reading, file, context)));
    await flush(file);
  }
  await writeList(join(directory, CREATED), compared.created);
  return warnings;
}

/**
 * Puts the old state back. Safe to call twice, and after {@link putTreesBack} was killed half-way.
 * @param memo what `note` was given last; undefined: nothing was begun
 * @param note is given a memo of nothing, before what was kept goes
 */
export async function revertTrees(
  memo: unknown,
  context: Context,
  note: (memo: PutBackMemo) => Promise<void>,
): Promise<void> {
  if (memo === undefined) return;
  const { trees } = memoSchema.parse(memo);
  for (const tree of [...trees].reverse()) await revertTree(tree, context);
  // Two trees may have needed the same one.
  const made = [...new Set(trees.flatMap((tree) => tree.made))].sort((one, other) => other.length - one.length);
  for (const directory of made) await removeMade(directory, context);
  await note({ trees: [] });
  for (const { keepIn } of trees) {
    const directory = join(context.kept, keepIn);
    for (const name of [...KEPT, CREATED]) await rm(join(directory, name), { force: true });
    if (keepIn !== '') await rmdir(directory).catch(() => undefined);
  }
}

async function revertTree({ root, keepIn, archives }: PutBackMemo['trees'][number], context: Context): Promise<void> {
  const directory = join(context.kept, keepIn);
  const list = (await readFile(join(directory, CREATED), 'latin1')).split('\0').filter((path) => path !== '');
  await removeCreated(root, list as BytePath[], context.log);
  for (const [index, name] of KEPT.entries()) {
    if (archives[index] === true) await extractTar(join(directory, name), root, context);
  }
}

async function removeMade(directory: string, { log }: Context): Promise<void> {
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return;
    log.warn(`${showControls(directory)} stays: ${error.message}`);
  });
}

async function writeList(file: string, paths: readonly BytePath[]): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(listBytes(paths));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
