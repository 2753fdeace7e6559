// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '@local-backup/common/byte-path';
import { type Directories, isWithin, overlapsOfRepository, realPath } from './directories.ts';
import { HOSTNAME_PLACE, repositoryLocationOf, spellingOf, withoutCredentials } from './repository-location.ts';

/** A repository that a host would have. */
export interface PlannedRepository {
  /** For people: `the repository of web1`. */
  readonly name: string;
  readonly location: string;
  /** The same for two spellings of one place. */
  readonly spelling: string;
  /** On this machine, without symlinks; undefined: elsewhere. */
  readonly directory: string | undefined;
  /** It lies in a directory of its own below `repository_root`, which was checked as a whole. */
  readonly isUsual: boolean;
}

/** What the configuration says about where repositories are. */
interface Roots {
  readonly repositoryRoot: string;
  readonly copies: readonly { readonly name: string; readonly repositoryRoot: string }[];
}

/** All repositories of a host, the first one first. @param own `repository` of the host */
export function plannedRepositories(
  hostname: string,
  own: string | undefined,
  { repositoryRoot, copies }: Roots,
): readonly PlannedRepository[] {
  const name = `the repository of ${hostname}`;
  const first =
    own === undefined
      ? planned(name, repositoryLocationOf(repositoryRoot, hostname), !repositoryRoot.includes(HOSTNAME_PLACE))
      : planned(name, ownLocationOf(own, hostname), false);
  const others = copies.map((copy) =>
    planned(`the copy "${copy.name}" of ${hostname}`, repositoryLocationOf(copy.repositoryRoot, hostname), false),
  );
  return [first, ...others];
}

/** The directories of this machine that hold repositories, by what they are; nothing else may be put there. */
export function repositoryDirectories(
  hosts: readonly { readonly hostname: string; readonly repository?: string | undefined }[],
  roots: Roots,
): Readonly<Record<string, string | undefined>> {
  const all = hosts.flatMap(({ hostname, repository }) => plannedRepositories(hostname, repository, roots));
  return Object.fromEntries(all.filter(({ isUsual }) => !isUsual).map(({ name, directory }) => [name, directory]));
}

/** `repository` of a host: the whole location. */
export function ownLocationOf(repository: string, hostname: string): string {
  return repository.replaceAll(HOSTNAME_PLACE, hostname);
}

function planned(name: string, location: string, isUsual: boolean): PlannedRepository {
  const path = location.replace(/^local:/, '');
  const spelling = spellingOf(location);
  return { name, location, spelling, isUsual, directory: path.startsWith('/') ? realPath(path) : undefined };
}

/**
 * Why a host cannot have these repositories: two would be one, one would lie within another, or where runs empty and write
 * things. Undefined where all is well.
 * @param earlier those of the hosts above
 */
export function conflictOf(
  repositories: readonly PlannedRepository[],
  earlier: readonly PlannedRepository[],
  directories: Directories,
): string | undefined {
  for (const [index, repository] of repositories.entries()) {
    const { name, directory, isUsual } = repository;
    const shared = [...earlier, ...repositories.slice(0, index)].find((other) => touch(repository, other));
    if (shared !== undefined) return sharedText(repository, shared);
    const [overlap] = directory === undefined || isUsual ? [] : overlapsOfRepository(directories, name, directory);
    if (overlap !== undefined) return overlap;
  }
  return undefined;
}

function touch(one: PlannedRepository, other: PlannedRepository): boolean {
  const [here, there] = [one.directory, other.directory];
  if (here !== undefined && there !== undefined) return isWithin(here, there) || isWithin(there, here);
  return one.spelling === other.spelling;
}

function sharedText(one: PlannedRepository, other: PlannedRepository): string {
  const place = escapeControls(withoutCredentials(one.location));
  return (
    `${one.name} would be at ${place}, the same place as ${other.name}, or one within the other: each needs a repository ` +
    'of its own. Put {hostname} into the location, or give another one'
  );
}
