// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseArchiveName } from '@local-backup/common/archive-name';
import { entryListName, manifestName } from '@local-backup/common/spool';
import { newestOf } from './spool-contents.ts';

/** What to do in a spool, in this order. */
export interface SettlePlan {
  /** Names to move from the spool to `done/`. */
  readonly moves: readonly string[];
  /** Names to remove from `done/`. */
  readonly removals: readonly string[];
}

export interface SettleInput {
  readonly hostname: string;
  /** Names of regular files in the spool and in its `done/`. */
  readonly spool: readonly string[];
  readonly done: readonly string[];
  /** Stamps that are stored; the newest of them has just been. */
  readonly stored: ReadonlySet<string>;
}

/**
 * Stored archives go to `done/`, which keeps the newest (C66). An archive goes before its entry list and its manifest: after
 * a crash in between, what is left in the spool is a manifest without an archive, which nobody takes for something new.
 * Such leftovers follow the next time. Names that are not those of this host's stored archives are never touched.
 */
export function planSettling({ hostname, spool, done, stored }: SettleInput): SettlePlan {
  const ownFiles = (names: readonly string[]) =>
    names.flatMap((name) => ownFile(name)).filter((file) => file.hostname === hostname);
  const inSpool = ownFiles(spool);
  const moves = inSpool.filter(({ stamp }) => stored.has(stamp)).sort(archiveFirst);
  const inDone = [...ownFiles(done), ...moves];
  const newest = newestOf(inDone.filter(({ part }) => part === 'archive'));
  const removals = inDone.filter(({ stamp }) => newest !== undefined && stamp < newest.stamp);
  return { moves: moves.map(({ name }) => name), removals: [...new Set(removals.map(({ name }) => name))] };
}

/** In the order in which they leave the spool. */
const PARTS = ['archive', 'entry list', 'manifest'] as const;

interface OwnFile {
  readonly name: string;
  readonly hostname: string;
  readonly stamp: string;
  readonly part: (typeof PARTS)[number];
}

function ownFile(name: string): OwnFile[] {
  const suffixes = { archive: '', 'entry list': entryListName(''), manifest: manifestName('') };
  return PARTS.flatMap((part) => {
    const suffix = suffixes[part];
    const archive = name.endsWith(suffix) ? parseArchiveName(name.slice(0, name.length - suffix.length)) : undefined;
    return archive === undefined ? [] : [{ name, ...archive, part }];
  });
}

function archiveFirst(one: OwnFile, other: OwnFile): number {
  if (one.stamp !== other.stamp) return one.stamp < other.stamp ? -1 : 1;
  return PARTS.indexOf(one.part) - PARTS.indexOf(other.part);
}
