// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import type { Found, Item } from '../stores/history.ts';
import type { Snapshot } from '../stores/store.ts';
import { modeText, pathText, timeText } from './render-items.ts';
import { formatTime } from './text.ts';

/** One version of a file: the same in all the snapshots from the first to the last, except for those that lack it. */
export interface Version extends Item {
  readonly host: string;
  readonly snapshots: number;
  readonly first: Pick<Snapshot, 'id' | 'time'>;
  readonly last: Pick<Snapshot, 'id' | 'time'>;
}

/**
 * What was found in the snapshots of one host, each version once; by path, the oldest version first.
 * @param all the host's snapshots, oldest first; what was found in others does not count
 */
export function foldVersions(host: string, found: readonly Found[], all: readonly Snapshot[]): readonly Version[] {
  const versions = new Map<string, Version>();
  for (const { id, time } of all) {
    for (const item of found.find(({ snapshot }) => snapshot === id)?.items ?? []) {
      const { path, type, mode, uid, gid, size, mtime } = item;
      const key = JSON.stringify([path, type, mode, uid, gid, size, mtime]);
      const known = versions.get(key) ?? { ...item, host, snapshots: 0, first: { id, time } };
      versions.set(key, { ...known, snapshots: known.snapshots + 1, last: { id, time } });
    }
  }
  return [...versions.values()].sort((a, b) => {
    if (a.path !== b.path) return a.path < b.path ? -1 : 1;
    return a.first.time < b.first.time ? -1 : 1;
  });
}

/** Versions for people: each path once, its versions below it. */
export function renderVersions(versions: readonly Version[]): readonly string[] {
  return versions.flatMap((version, index) => {
    const before = versions[index - 1];
    const isNew = before?.path !== version.path || before.host !== version.host;
    return [...(isNew ? [`${version.host}: ${pathText(version)}`] : []), `  ${renderVersion(version)}`];
  });
}

function renderVersion(version: Version): string {
  const size = version.type === 'file' ? formatBytes(version.size) : version.type;
  return `${modeText(version)}  ${size.padStart(10)}  ${timeText(version.mtime)}  ${where(version)}`;
}

function where({ snapshots, first, last }: Version): string {
  if (snapshots === 1) return `in 1 snapshot: ${at(first)}`;
  return `in ${snapshots} snapshots: ${at(first)} to ${at(last)}`;
}

function at({ id, time }: Pick<Snapshot, 'id' | 'time'>): string {
  return `${id.slice(0, 8)} (${formatTime(time)})`;
}
