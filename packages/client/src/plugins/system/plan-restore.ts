// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext } from '../../plugin-copy.ts';
import type { PutBack } from '../../plugin-tools/put-back/compare.ts';
import { problemInCopy } from '../../plugin-tools/put-back/in-copy.ts';
import { type Difference, FILES, findDifferences } from './differences.ts';
import { LISTS, someOf } from './lists.ts';
import type { SystemOptions } from './options.ts';
import { type PackageDifferences, packageDifferences } from './packages.ts';
import { RESTORABLE, type Restorable } from './restorable.ts';
import { type UnitDifferences, unitDifferences } from './unit-states.ts';

export type SystemContext = RestoreContext<SystemOptions>;

/** All that is not as it was saved. */
export interface Differences {
  readonly files: readonly Difference[];
  /** Undefined where they were not saved. */
  readonly packages: PackageDifferences | undefined;
  readonly units: UnitDifferences | undefined;
  /** What is said where the copy is of another release. */
  readonly otherRelease: string | undefined;
}

/**
 * Compares the machine with the copy; changes nothing.
 * @param root of the host
 * @throws BackupError with what is in the way
 */
export async function compareSystem(context: SystemContext, root: string): Promise<Differences> {
  const { copy, options } = context;
  if (context.as !== undefined) {
    throw new BackupError('config', 'A machine has no other name to be restored under: use --to DIR.');
  }
  const problem = await problemInCopy(copy, LISTS, '.' as BytePath);
  if (problem !== undefined) throw new BackupError('failed', `The copy is not whole: ${problem}.`);
  const otherRelease = await findOtherRelease(copy, root);
  if (otherRelease !== undefined && options.restore.includes('apt')) {
    const hint =
      'the sources of apt do not fit. Take `apt` out of `restore`, and copy from system_files/etc/apt what is your own.';
    // With them, the next upgrade would be half a change of release.
    throw new BackupError('config', `${otherRelease}: ${hint}`);
  }
  const lists = await listsIn(copy);
  return {
    files: await findDifferences(copy, root),
    packages: await packageDifferences(context, lists, options.restore.includes('packages')),
    units: await unitDifferences(context, lists),
    otherRelease,
  };
}

/** The lists that were saved. */
export async function listsIn(copy: string): Promise<readonly string[]> {
  return readdir(join(copy, LISTS));
}

async function findOtherRelease(copy: string, root: string): Promise<string | undefined> {
  const place = 'etc/debian_version';
  const [saved, now] = [await releaseIn(join(copy, FILES, place)), await releaseIn(join(root, place))];
  if (saved === undefined || now === undefined || saved === now) return undefined;
  return `The machine that was saved had Debian ${saved}, this one has ${now}`;
}

/** `12` of `12.7`; undefined where there is no such file. */
async function releaseIn(file: string): Promise<string | undefined> {
  const facts = await lstat(file).catch(() => undefined);
  // It is one line; in a hostile copy it may be anything.
  if (facts?.isFile() !== true || facts.size > 1_000) return undefined;
  return /^[\w/]+/.exec(await readFile(file, 'utf8'))?.[0];
}

/** The tree of all that differs and belongs to one of these words. */
export function treeOf(
  files: readonly Difference[],
  words: readonly Restorable[],
  { copy, root, keepIn }: { readonly copy: string; readonly root: string; readonly keepIn: string },
): PutBack | undefined {
  const chosen: readonly string[] = words;
  const wanted = new Set(files.filter(({ word }) => chosen.includes(word)).map(({ path }) => path));
  // What is in a directory that is put back itself comes with that.
  const paths = [...wanted].filter((path) => !wanted.has(path.slice(0, path.lastIndexOf('/')) as BytePath));
  if (paths.length === 0) return undefined;
  return { data: join(copy, FILES), name: FILES, root, paths, isWanted: (path) => wanted.has(path), keepIn };
}

/** What differs and is left alone, in words: nothing is changed that `restore` does not name. */
export function notesAbout(
  { files, packages, units, otherRelease }: Differences,
  chosen: readonly Restorable[],
): readonly string[] {
  const notes = wordsOf(files).flatMap((word) => {
    const isChoice = RESTORABLE.some((one) => one === word);
    if (chosen.some((one) => one === word)) return [];
    const hint = isChoice
      ? `\`restore: [${word}]\` would put them back`
      : 'compare them by hand, none is ever put back';
    return [`${word}: ${countsOf(files.filter((one) => one.word === word))}; ${hint}`];
  });
  const isOther = otherRelease !== undefined && (chosen.includes('settings') || chosen.includes('network'));
  const warning = `${otherRelease}: its settings may not fit the programs here; look at those that are replaced`;
  return [...(isOther ? [warning] : []), ...notes, ...packageNotes(packages, chosen), ...unitNotes(units, chosen)];
}

function wordsOf(files: readonly Difference[]): readonly Difference['word'][] {
  return [...new Set(files.map(({ word }) => word))].sort();
}

function countsOf(files: readonly Difference[]): string {
  const missing = files.filter(({ isMissing }) => isMissing).length;
  const counts = [
    ...(missing === 0 ? [] : [`${missing} missing`]),
    ...(missing === files.length ? [] : [`${files.length - missing} different`]),
  ];
  return `${counts.join(', ')} (${someOf(files.map(({ path }) => `/${displayPath(path)}`))})`;
}

function packageNotes(packages: PackageDifferences | undefined, chosen: readonly Restorable[]): readonly string[] {
  const isChosen = chosen.includes('packages');
  if (packages === undefined) return isChosen ? ['packages: no list of them was saved, or there is no dpkg here'] : [];
  const { missing, strange } = packages;
  const odd = strange === 0 ? [] : [`packages: ${strange} lines of the lists are no names of packages: left out`];
  if (missing.length === 0 || isChosen) return odd;
  return [
    ...odd,
    `packages: ${missing.length} not installed (${someOf(missing)}); \`restore: [packages]\` would install them`,
  ];
}

function unitNotes(units: UnitDifferences | undefined, chosen: readonly Restorable[]): readonly string[] {
  const isChosen = chosen.includes('units');
  if (units === undefined) return isChosen ? ['units: no list of them was saved, or there is no systemd here'] : [];
  const { disabled, ofDisks, gone } = units;
  const hint = `units: ${disabled.length} not enabled (${someOf(disabled)}); \`restore: [units]\` would enable them`;
  const absent = `units: ${gone.length} were enabled and are not on this machine now (${someOf(gone)})`;
  const byHand = `units: ${ofDisks.length} of disks are not enabled (${someOf(ofDisks)}); enable them by hand, none ever is`;
  const ofDisk = ofDisks.length === 0 ? [] : [byHand];
  return [...(disabled.length === 0 || isChosen ? [] : [hint]), ...ofDisk, ...(gone.length === 0 ? [] : [absent])];
}
