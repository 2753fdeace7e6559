// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { isWithin, type Mount, readMounts } from '../../plugin-tools/snapshot/mounts.ts';
import { SNAPSHOT_DIRECTORY } from '../../plugin-tools/snapshot/view.ts';
import { excludedBy } from './excluded-paths.ts';
import { type LocatedPaths, locatePaths } from './locate.ts';
import { findPseudoMounts, type PseudoMounts } from './mounts.ts';
import { entriesOf, type FilesOptions, type PathEntry } from './options.ts';

/** Paths that are read with the same options. */
export interface PathGroup extends Pick<PathEntry, 'exclude' | 'oneFileSystem'> {
  /** Absolute, links on the way resolved, none within another, of all groups together. */
  readonly paths: readonly string[];
}

/** What is to be read, what is to be left out, and what the admin has to know of it. */
export interface FilesPlan {
  readonly groups: readonly PathGroup[];
  /** Directories without anything to save in them: what the kernel makes up, and snapshots that are mounted. */
  readonly madeUp: readonly string[];
  readonly located: LocatedPaths;
  readonly warnings: readonly string[];
}

/** @throws BackupError where nothing is left, a path is inside a pseudo file system, or in another with other options */
export async function planFiles(options: FilesOptions): Promise<FilesPlan> {
  const entries = entriesOf(options);
  const located = await locatePaths(entries.map(({ path }) => path));
  const { present } = located;
  if (present.length === 0) throw noPathError(located.missing);
  const groups = groupsOf(entries, located);
  const { below, inside } = findPseudoMounts(await readMounts(), present);
  if (inside.length > 0) throw new BackupError('config', inside.map(insideMessage).join('\n'));
  const descending = groups.filter(({ oneFileSystem }) => !oneFileSystem).flatMap(({ paths }) => paths);
  const reached = below.filter(({ point }) => descending.some((path) => isWithin(point, path)));
  return {
    groups,
    madeUp: [...below.map(({ point }) => point), ...snapshotDirectories(present)],
    located,
    warnings: [...pathWarnings(located, groups), ...automountWarnings(reached)],
  };
}

/** Whether nothing that is in a directory is saved, because of a pattern. */
export function isLeftOut(directory: string, groups: readonly PathGroup[]): boolean {
  return groups.some(({ paths, exclude }) => {
    const path = paths.find((one) => isWithin(directory, one));
    if (path === undefined) return false;
    const names = directory
      .slice(path.length)
      .split('/')
      .filter((name) => name !== '');
    const ways = names.map((_, index) => [path === '/' ? '' : path, ...names.slice(0, index + 1)].join('/'));
    // A name that nobody has: whatever leaves that out leaves out everything.
    return ways.some((way) => excludedBy(way, exclude) ?? excludedBy(`${way}/\x01probe\x01`, exclude));
  });
}

/** @throws BackupError where one path is in another that has other options: a file is saved once, in one way */
function groupsOf(entries: readonly PathEntry[], { present, where }: LocatedPaths): readonly PathGroup[] {
  const groups = new Map<string, PathGroup & { readonly paths: string[] }>();
  const complaints: string[] = [];
  for (const outer of present) {
    const inner = entries.filter(({ path }) => isWithin(where.get(path) ?? '', outer));
    const own = inner.find(({ path }) => where.get(path) === outer) ?? inner[0];
    if (own === undefined) continue;
    const { exclude, oneFileSystem } = own;
    for (const other of inner) if (keyOf(other) !== keyOf(own)) complaints.push(overlapMessage(other.path, outer));
    const group = groups.get(keyOf(own)) ?? { paths: [], exclude, oneFileSystem };
    group.paths.push(outer);
    groups.set(keyOf(own), group);
  }
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return [...groups.values()];
}

function keyOf({ exclude, oneFileSystem }: PathEntry): string {
  return JSON.stringify([exclude, oneFileSystem]);
}

function overlapMessage(path: string, outer: string): string {
  return (
    `${path} is in ${outer}, which is saved with other options: a file is saved once. Write patterns that begin with ` +
    `\`${path}/\` into the \`exclude\` that counts for ${outer}, and remove it from \`paths\`.`
  );
}

/** What another service has there now, or a crash has left, would be saved a second time. */
function snapshotDirectories(paths: readonly string[]): readonly string[] {
  return paths.some((path) => isWithin(SNAPSHOT_DIRECTORY, path)) ? [SNAPSHOT_DIRECTORY] : [];
}

function pathWarnings({ missing, links }: LocatedPaths, groups: readonly PathGroup[]): string[] {
  const excluded = groups.flatMap(({ paths, exclude }) =>
    paths.flatMap((path) => {
      const pattern = excludedBy(path, exclude);
      return pattern === undefined ? [] : [`${path} is left out by \`${pattern}\` of its own \`exclude\`.`];
    }),
  );
  return [
    ...missing.map(({ path, reason }) => `${path} ${reason}: nothing was saved of it. ${CORRECT}`),
    ...links.map((path) => `${path} is a symbolic link: only the link itself is saved. ${NAME_TARGET}`),
    ...excluded,
  ];
}

const CORRECT = 'Correct `paths` if that is meant to be so.';
const NAME_TARGET = 'Name its target in `paths` to save that.';

/** Unlike the other ones, these may hold data on another day: what is left out must not be left out quietly. */
function automountWarnings(mounts: readonly Mount[]): string[] {
  return mounts
    .filter(({ type }) => type === 'autofs')
    .map(({ point }) => `${point} is an automount point: what it would mount was left out. Name it in \`paths\`.`);
}

function insideMessage({ path, mount }: PseudoMounts['inside'][number]): string {
  return `${path} is inside ${mount.point}, which the kernel makes up (${mount.type}): remove it from \`paths\`.`;
}

function noPathError(missing: LocatedPaths['missing']): BackupError {
  const list = missing.map(({ path, reason }) => (reason === 'does not exist' ? path : `${path} (${reason})`));
  return new BackupError('failed', `None of the paths exists: ${list.join(', ')}. Correct \`paths\`.`);
}
