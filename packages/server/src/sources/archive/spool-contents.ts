// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseArchiveName, stampOf } from '@local-backup/common/archive-name';
import { manifestName } from '@local-backup/common/spool';
import type { RemoteFile } from '../../remotes/remote.ts';

/** An archive in a spool, as far as its name and directory entry tell. */
export interface SpoolArchive {
  readonly name: string;
  readonly hostname: string;
  readonly stamp: string;
  readonly bytes: number;
  readonly hasManifest: boolean;
}

/** The archives of a spool, each in one group. */
export interface SpoolContents {
  /** Of this host, ready to be taken. */
  readonly ready: readonly SpoolArchive[];
  /** Of this host, but nothing says that they are finished. */
  readonly withoutManifest: readonly SpoolArchive[];
  /** Of this host, named after a time that has not come yet. */
  readonly future: readonly SpoolArchive[];
  readonly otherHosts: readonly SpoolArchive[];
  /** Directories, links and the like with an archive's name. */
  readonly notFiles: readonly SpoolArchive[];
}

/** Clocks may differ a little; an archive or tag from further ahead than this was named by a wrong clock. */
const FUTURE_TOLERANCE_MS = 24 * 60 * 60 * 1000;

/** True for a stamp that lies more than a day ahead of `now`. */
export function isFuture(stamp: string, now: Date): boolean {
  return stamp > stampOf(new Date(now.getTime() + FUTURE_TOLERANCE_MS));
}

/** Sorts the entries of a spool into groups; everything that is not named like an archive is left out. */
export function sortSpool(
  entries: readonly RemoteFile[],
  { hostname, now, acceptWithoutManifest }: { hostname: string; now: Date; acceptWithoutManifest: boolean },
): SpoolContents {
  const files = new Set(entries.filter(({ type }) => type === 'file').map(({ name }) => name));
  const groups: { [Group in keyof SpoolContents]: SpoolArchive[] } = {
    ready: [],
    withoutManifest: [],
    future: [],
    otherHosts: [],
    notFiles: [],
  };
  const groupOf = (archive: SpoolArchive): keyof SpoolContents => {
    if (archive.hostname !== hostname) return 'otherHosts';
    if (!files.has(archive.name)) return 'notFiles';
    if (isFuture(archive.stamp, now)) return 'future';
    return archive.hasManifest || acceptWithoutManifest ? 'ready' : 'withoutManifest';
  };
  for (const { name, size } of entries) {
    const parsed = parseArchiveName(name);
    if (parsed === undefined) continue;
    const archive = { name, ...parsed, bytes: size, hasManifest: files.has(manifestName(name)) };
    groups[groupOf(archive)].push(archive);
  }
  return groups;
}

/** The one with the latest stamp. */
export function newestOf<Item extends { readonly stamp: string }>(items: readonly Item[]): Item | undefined {
  return items.reduce<Item | undefined>(
    (newest, item) => (newest === undefined || item.stamp > newest.stamp ? item : newest),
    undefined,
  );
}
