// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { escapeControls } from '@local-backup/common/byte-path';
import type { ConfigPath } from '@local-backup/common/config/complaint';
import { HOSTNAME_PLACE } from './repository-location.ts';

/** Directories that runs empty and fill. Absolute paths, as {@link realPath} gives them. */
export interface Directories {
  readonly liveDir: string;
  readonly localTempBaseDir: string;
  /** Undefined: the repositories are on another machine. */
  readonly repositoryRoot: string | undefined;
  readonly stateDir: string;
  /** Where drills restore to. */
  readonly drillDirectory?: string;
}

/** Two directories that would destroy each other. */
export interface Overlap {
  /** The key to change. */
  readonly path: ConfigPath;
  readonly message: string;
}

interface Place {
  readonly path: ConfigPath;
  readonly name: string;
  readonly directory: string;
}

/** What lies in `state_dir` beside the live trees; see the users of each. */
const STATE_DIRECTORIES = [
  'runs',
  'logs',
  'unproven',
  'repositories',
  'restic-cache',
  'pins',
  'upkeep',
  'outbox',
  'baselines',
  'suspicious',
];

/** The path without symlinks and `..`; the part of it that does not exist yet is taken as it is. */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    // Missing, or not to be looked at: then its parent tells where it would be. The root always exists.
    return whole === '/' ? whole : join(realPath(dirname(whole)), basename(whole));
  }
}

/**
 * The directory on this machine that a `repository_root` is; undefined where it is elsewhere. Where the names of hosts are
 * somewhere in it, the directory above them.
 */
export function localRepositoryRoot(repositoryRoot: string): string | undefined {
  const path = repositoryRoot.replace(/^local:/, '');
  if (!path.startsWith('/')) return undefined;
  const [above = '', below] = path.split(HOSTNAME_PLACE);
  return realPath(below === undefined ? path : above.replace(/[^/]*$/, ''));
}

/** True for the directory itself and for what lies below it. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? outer : `${outer}/`);
}

/**
 * What is wrong whatever the hosts are called: nothing may lie in `live_dir`, where whole trees are emptied, or among the
 * server's own files, and no two directories may be the same.
 */
export function overlapsOf(directories: Directories): readonly Overlap[] {
  const places = placesOf(directories);
  const own = ownPlaces(directories);
  const closed = [...own, ...places.filter(({ name }) => name === 'live_dir')];
  const all = [...places, ...own];
  return all
    .flatMap((inner, index) => all.map((outer, other) => ({ inner, outer, isFirst: index < other })))
    .filter(({ inner, outer }) => !(own.includes(inner) && own.includes(outer)))
    .filter(({ inner, outer, isFirst }) => {
      // Two that are the same are told once.
      if (inner.directory === outer.directory) return isFirst;
      return (
        (closed.includes(outer) || isDrillAmongRepositories(inner, outer)) && isWithin(inner.directory, outer.directory)
      );
    })
    .map(({ inner, outer }) => {
      const mended = own.includes(inner) ? outer : inner;
      return { path: mended.path, message: `${describe(inner)} is ${relationOf(inner, outer)}; ${ADVICE}` };
    });
}

/** Restored trees beside repositories would be taken for some. */
function isDrillAmongRepositories(inner: Place, outer: Place): boolean {
  return inner.name === DRILL && outer.name === 'repository_root' && outer.directory !== '/';
}

/** What is wrong because of the name of a host: its directories may not hold another of the directories. */
export function overlapsOfHost(directories: Directories, hostname: string): readonly string[] {
  // Drills add random digits to the names of hosts.
  const named = placesOf(directories).filter(({ name }) => name !== DRILL);
  return named.flatMap((place) => {
    const outer = { ...place, name: `${place.name}/${hostname}`, directory: join(place.directory, hostname) };
    return heldBy(outer, directories);
  });
}

/**
 * What is wrong with the place of one repository on this machine: it may neither hold one of the directories nor lie where
 * runs empty and write things.
 */
export function overlapsOfRepository(directories: Directories, name: string, directory: string): readonly string[] {
  const repository: Place = { path: [], name, directory };
  const closed = [...placesOf({ ...directories, repositoryRoot: undefined }), ...ownPlaces(directories)];
  const within = closed.filter((outer) => outer.directory !== '/' && isWithin(directory, outer.directory));
  return [
    ...heldBy(repository, directories),
    ...within.map((outer) => `${describe(repository)} is ${relationOf(repository, outer)}; ${ADVICE}`),
  ];
}

function heldBy(outer: Place, directories: Directories): readonly string[] {
  return [...placesOf(directories), ...ownPlaces(directories)]
    .filter((inner) => isWithin(inner.directory, outer.directory))
    .map((inner) => `${describe(inner)} is ${relationOf(inner, outer)}; ${ADVICE}`);
}

const ADVICE = 'what a run empties or writes in the one would destroy the other. Give each a directory of its own';

const DRILL = 'drill.directory';

function placesOf({ liveDir, localTempBaseDir, repositoryRoot, drillDirectory }: Directories): readonly Place[] {
  const global = (name: string, directory: string) => ({ path: ['global', name], name, directory });
  const local = [global('live_dir', liveDir), global('local_temp_base_dir', localTempBaseDir)];
  if (drillDirectory !== undefined)
    local.push({ path: ['drill', 'directory'], name: DRILL, directory: drillDirectory });
  if (repositoryRoot === undefined) return local;
  return [...local, { path: ['restic', 'repository_root'], name: 'repository_root', directory: repositoryRoot }];
}

function ownPlaces({ stateDir }: Directories): readonly Place[] {
  return STATE_DIRECTORIES.map((name) => {
    return { path: ['global', 'state_dir'], name: `state_dir/${name}`, directory: join(stateDir, name) };
  });
}

function describe({ name, directory }: Place): string {
  return `${name} (${escapeControls(directory)})`;
}

function relationOf(inner: Place, outer: Place): string {
  return `${inner.directory === outer.directory ? 'the same as' : 'within'} ${describe(outer)}`;
}
