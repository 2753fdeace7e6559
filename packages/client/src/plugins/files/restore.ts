// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { readMounts } from '../../plugin-tools/snapshot/mounts.ts';
import { bytesBelow } from './bytes-below.ts';
import { type Comparison, compareWithHost, listBytes } from './compare.ts';
import { copyByTar, extractTar, writeTar } from './move.ts';
import type { FilesOptions } from './options.ts';
import { outermost, savedPaths } from './saved-paths.ts';
import { removeCreated } from './undo-created.ts';

type Context = RestoreContext<FilesOptions>;

/**
 * What is kept of the host: what had to give way, with all that was in it, and single entries. These are put back last:
 * times of directories are among them.
 */
const KEPT = ['cleared.tar', 'replaced.tar'] as const;
/** What was not there before. */
const CREATED = 'created.list';

/** Puts files back in place. What is on the host and not in the copy stays. */
export const restoreFiles: TaskRestore<FilesOptions> = {
  async plan(context) {
    const { compared, steps } = await compare(context);
    const { created, replaced, cleared, keptBytes } = compared;
    const size = formatBytes(keptBytes);
    const missing = created.length - cleared.length;
    const kept = `${replaced.length + cleared.length} files and directories (${size}), in ${context.kept}`;
    return [
      ...(replaced.length + cleared.length === 0 ? [] : [step('keep', kept)]),
      ...cleared.map((path) => step('replace', `/${displayPath(path)}, which is of another type now`)),
      ...steps,
      ...(missing === 0 ? [] : [step('create', `${missing} files and directories that are missing`)]),
      ...[...compared.extra].map(([path, count]) => {
        return step('note', `${count} entries of /${displayPath(path)} are not in the copy: they stay`);
      }),
    ];
  },

  async apply(context) {
    const { compared } = await compare(context);
    const { kept } = context;
    const single = { root: '/', paths: compared.replaced, recursion: false };
    const whole = { root: '/', paths: compared.cleared, recursion: true };
    const warnings: string[] = [];
    for (const [index, reading] of [whole, single].entries()) {
      if (reading.paths.length === 0) continue;
      const file = join(kept, KEPT[index] ?? '');
      warnings.push(...(await writeTar(reading, file, context)));
      await flush(file);
    }
    await writeList(join(kept, CREATED), compared.created);
    await context.remember({ replacing: true, archives: [compared.cleared.length > 0, compared.replaced.length > 0] });
    for (const path of compared.cleared) await rm(bytesBelow('/', path), { recursive: true, force: true });
    const data = join(context.copy, 'data');
    warnings.push(...(await copyByTar({ root: data, paths: compared.restored, recursion: false }, '/', context)));
    return warnings;
  },

  async revert(context) {
    const memo = context.remembered();
    if (memo?.replacing !== true) return;
    const archives = Array.isArray(memo.archives) ? memo.archives : [];
    const list = (await readFile(join(context.kept, CREATED), 'latin1')).split('\0').filter((path) => path !== '');
    await removeCreated(list as BytePath[], context.log);
    for (const [index, name] of KEPT.entries()) {
      if (archives[index] === true) await extractTar(join(context.kept, name), '/', context);
    }
    await context.remember({ replacing: false });
    for (const name of [...KEPT, CREATED]) await rm(join(context.kept, name), { force: true });
  },
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
  const compared = await compareWithHost(join(context.copy, 'data'), wanted, await readMounts());
  const problems = [...compared.problems, ...(await spaceProblems(context, compared))];
  if (problems.length > 0) {
    const hint = 'Put right what is named, or use --to DIR and copy what you need.';
    throw new BackupError('failed', `The files cannot be put back in place:\n${problems.join('\n')}\n${hint}`);
  }
  const absent = paths.filter(({ saved }) => saved === undefined);
  const steps = [
    ...wanted.map((path) => step('replace', describe(path, compared))),
    ...absent.map(({ path }) => step('note', `${path} did not exist when the others were saved: it is left alone`)),
  ];
  return { compared, steps };
}

function describe(path: BytePath, { restored }: Comparison): string {
  const count = restored.filter((one) => one === path || one.startsWith(`${path}/`)).length;
  return `/${displayPath(path)} (${count} files and directories), from data/${displayPath(path)}`;
}

async function spaceProblems({ kept }: Context, { keptBytes }: Comparison): Promise<string[]> {
  const { bavail, bsize } = await statfs(kept);
  const free = bavail * bsize;
  if (keptBytes <= free) return [];
  return [`${formatBytes(keptBytes)} would be kept of what is replaced, but ${kept} has ${formatBytes(free)} free.`];
}

function step(action: RestoreStep['action'], what: string): RestoreStep {
  return { action, what };
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
