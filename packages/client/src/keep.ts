// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseArchiveName } from '@local-backup/common/archive-name';
import { entryListName, manifestName } from '@local-backup/common/spool';

export interface SpoolFile {
  readonly name: string;
  readonly mtime: Date;
}

/**
 * The archives of this host, directly in the spool, that are older than `keepDays` (C30). The newest one stays whatever
 * its age: a server that was away for long still finds something to fetch.
 *
 * @returns names of archives, oldest first; their manifests and entry lists go with them
 */
export function expiredArchives(
  files: readonly SpoolFile[],
  { hostname, keepDays, now }: { hostname: string; keepDays: number; now: Date },
): readonly string[] {
  const oldest = now.getTime() - keepDays * 86_400_000;
  return files
    .filter((file) => parseArchiveName(file.name)?.hostname === hostname)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, -1)
    .filter((file) => file.mtime.getTime() < oldest)
    .map((file) => file.name);
}

/**
 * What a run that was killed between renaming the archive and writing the manifest has left: archives with an entry
 * list but no manifest, and entry lists of archives that are gone. Archives without either are left alone: the
 * original shell client makes such.
 */
export function unpublishedLeftovers(names: readonly string[], hostname: string): readonly string[] {
  const present = new Set(names);
  const suffix = entryListName('');
  return names
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .filter((archive) => parseArchiveName(archive)?.hostname === hostname && !present.has(manifestName(archive)))
    .flatMap((archive) => [archive, entryListName(archive)].filter((name) => present.has(name)));
}
