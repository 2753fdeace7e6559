// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import { isServiceCalled } from '@local-backup/common/restore-tar';

/** Something in the spool that a service can be taken from. */
export interface SpoolSource {
  /** `sent`: a tar file that the server has put there to be restored; `archive`: one of this host's own. */
  readonly kind: 'sent' | 'archive';
  readonly path: string;
  /** When it was put there, or made; milliseconds since 1970. */
  readonly time: number;
  readonly services: readonly ManifestService[];
}

/** A source, and why it was taken. */
export interface ChosenSource {
  readonly source: SpoolSource;
  readonly service: ManifestService;
  readonly why: string;
}

/**
 * The newest of what the server has sent for this service, else the newest archive that holds it. What the server has
 * sent comes first: somebody asked for it.
 * @throws BackupError `usage` where no source, or more than one type, has a service of this name
 */
export function chooseSource(
  sources: readonly SpoolSource[],
  wanted: string,
  { spool, hostname }: { readonly spool: string; readonly hostname: string },
): ChosenSource {
  const newestFirst = [...sources].sort((a, b) => b.time - a.time);
  for (const kind of ['sent', 'archive'] as const) {
    for (const source of newestFirst.filter((candidate) => candidate.kind === kind)) {
      const service = serviceIn(source.services, wanted, source.path);
      if (service === undefined) continue;
      return { source, service, why: WHY[kind] };
    }
  }
  const known = new Set(sources.flatMap(({ services }) => services.map(({ type, name }) => `${type}/${name}`)));
  const list = known.size === 0 ? 'there is nothing to restore in it' : `there are: ${[...known].sort().join(', ')}`;
  throw new BackupError(
    'usage',
    `No copy of ${wanted} is in ${spool}; ${list}. Have the server send one: backup-server restore HOST --service ` +
      `${wanted} --to-host ${hostname}; or give a directory or an archive with --from.`,
  );
}

const WHY = {
  sent: 'the newest that the server has sent',
  archive: 'the newest archive that holds it; the server has sent none',
} as const;

/**
 * The service of a source that is meant.
 * @returns undefined where there is none
 * @throws BackupError `usage` where two types have one of this name
 */
export function serviceIn(
  services: readonly ManifestService[],
  wanted: string,
  path: string,
): ManifestService | undefined {
  // One that failed before anything of it was saved is in the manifest, and not in the archive.
  const found = services.filter((service) => isServiceCalled(service, wanted) && service.files > 0);
  const [only] = found;
  if (found.length < 2) return only;
  const names = found.map(({ type, name }) => `${type}/${name}`).join(', ');
  throw new BackupError('usage', `${path} has more than one service called ${wanted}: ${names}. Say which.`);
}
