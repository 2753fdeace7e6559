// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { ServerConfig } from '../config/config.ts';
import type { CopyConfig } from '../config/copies-schema.ts';
import type { Host } from '../config/host.ts';
import { ownLocationOf } from '../config/repository-conflicts.ts';
import { repositoryLocationOf } from '../config/repository-location.ts';
import { ownOrCommon, type SecretSources } from '../config/secret-sources.ts';
import type { Password } from '../stores/restic/password.ts';
import type { SecretPlace } from '../stores/restic/secret-place.ts';

/** A repository of one host: where it is, what opens it, how long its snapshots are kept. */
export interface HostRepository {
  /** Undefined: the first one, which backups are stored in; else the name of the copy. */
  readonly name: string | undefined;
  /** May hold credentials: for people only as `withoutCredentials` gives it. */
  readonly location: string;
  readonly password: Password;
  /** Undefined: it needs no variables. */
  readonly environment: SecretPlace | undefined;
  /** Words for `restic forget`. */
  readonly forgetPolicy: readonly string[];
  /** Undefined for the first one. */
  readonly copy: CopyConfig | undefined;
}

/** All repositories of a host, the first one first, the copies in the order of the configuration. */
export function repositoriesOf(host: Host, { restic }: Pick<ServerConfig, 'restic'>): readonly HostRepository[] {
  const { hostname, repository } = host;
  const firstPolicy = host.forgetPolicy ?? restic.maintenance.forgetPolicy;
  const location =
    repository === undefined
      ? repositoryLocationOf(restic.repositoryRoot, hostname)
      : ownLocationOf(repository, hostname);
  const first: HostRepository = {
    name: undefined,
    location: usual(location),
    ...openedWith(ownOrCommon(host.restic ?? {}, restic)),
    forgetPolicy: firstPolicy,
    copy: undefined,
  };
  const copies = restic.copies.map((copy) => ({
    name: copy.name,
    location: usual(repositoryLocationOf(copy.repositoryRoot, hostname)),
    ...openedWith(copy),
    forgetPolicy: copy.forgetPolicy ?? firstPolicy,
    copy,
  }));
  return [first, ...copies];
}

/**
 * One of them.
 * @param copy name of the copy; undefined: the first one
 * @throws BackupError `usage` where there is no such copy
 */
export function repositoryOf(host: Host, config: Pick<ServerConfig, 'restic'>, copy?: string): HostRepository {
  const all = repositoriesOf(host, config);
  const found = all.find(({ name }) => name === copy);
  if (found !== undefined) return found;
  const names = all.flatMap(({ name }) => name ?? []).join(', ');
  throw new BackupError('usage', `There is no copy "${copy}"; restic.copies has: ${names === '' ? 'none' : names}.`);
}

/** Without `local:`: directories of this machine begin with a slash everywhere in this program. */
function usual(location: string): string {
  return location.replace(/^local:(?=\/)/, '');
}

function openedWith(sources: SecretSources): Pick<HostRepository, 'password' | 'environment'> {
  const { passwordFile, passwordCommand = '', passwordCredential, environmentFile, environmentCredential } = sources;
  const password = placeOf(passwordFile, passwordCredential) ?? { command: passwordCommand };
  return { password, environment: placeOf(environmentFile, environmentCredential) };
}

function placeOf(file: string | undefined, credential: string | undefined): SecretPlace | undefined {
  if (file !== undefined) return { file };
  return credential === undefined ? undefined : { credential };
}
