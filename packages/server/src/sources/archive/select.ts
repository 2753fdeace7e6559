// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseArchiveName, stampOf, timeOfStamp } from '@local-backup/common/archive-name';
import type { RemoteFile } from '../../remotes/remote.ts';
import type { Snapshot } from '../../stores/store.ts';
import type { SkipCode } from '../source.ts';
import { describeFutureTags, describeNone, describeOddities } from './select-messages.ts';
import { isFuture, newestOf, type SpoolArchive, type SpoolContents, sortSpool } from './spool-contents.ts';

export interface SelectInput {
  readonly hostname: string;
  /** The spool's path on the client, for messages. */
  readonly directory: string;
  /** Entries of the spool. */
  readonly spool: readonly RemoteFile[];
  /** Entries of its `done/`. */
  readonly done: readonly RemoteFile[];
  /** Snapshots of this host, in any order. */
  readonly stored: readonly Snapshot[];
  readonly now: Date;
  readonly acceptWithoutManifest: boolean;
  /** Take the newest archive even if it is stored already or older than what is stored. */
  readonly force: boolean;
}

export type Choice =
  | { readonly kind: 'take'; readonly archive: SpoolArchive; readonly why: string }
  | { readonly kind: 'skip'; readonly code: SkipCode; readonly why: string }
  | { readonly kind: 'none'; readonly why: string };

export interface Selection {
  readonly choice: Choice;
  /** What was odd about the spool or the snapshots. */
  readonly warnings: readonly string[];
}

/**
 * Decides which archive of a spool to take. "Newest" goes by the time in the name, not by the file's mtime: the name is
 * what becomes the snapshot's tag, and it survives copying. A time in the future never counts, in a name or in a tag, or
 * one wrong clock would shut out every later archive.
 */
export function selectArchive(input: SelectInput): Selection {
  const contents = sortSpool(input.spool, input);
  const state = storedState(input);
  const newest = newestOf(contents.ready);
  const choice =
    newest === undefined ? chooseWithoutArchive(input, contents, state) : chooseNewest(newest, state, input);
  return { choice, warnings: [...describeOddities(contents, newest), ...describeFutureTags(state.futureStamps)] };
}

interface StoredState {
  readonly byStamp: ReadonlyMap<string, Snapshot>;
  /** The newest stored stamp; the empty string where nothing is stored. */
  readonly newest: string;
  readonly futureStamps: readonly string[];
}

/** Stamps are compared with stamps; a snapshot's own time serves only where no snapshot has a stamp among its tags. */
function storedState({ stored, now }: SelectInput): StoredState {
  const byStamp = new Map<string, Snapshot>();
  for (const snapshot of stored) {
    for (const tag of snapshot.tags) if (timeOfStamp(tag) !== undefined) byStamp.set(tag, snapshot);
  }
  const stamps = byStamp.size > 0 ? [...byStamp.keys()] : stored.map(({ time }) => stampOf(new Date(time)));
  const past = stamps.filter((stamp) => !isFuture(stamp, now)).map((stamp) => ({ stamp }));
  const futureStamps = stamps.filter((stamp) => isFuture(stamp, now));
  return { byStamp, newest: newestOf(past)?.stamp ?? '', futureStamps };
}

function chooseNewest(archive: SpoolArchive, state: StoredState, input: SelectInput): Choice {
  const { name, stamp } = archive;
  const { force } = input;
  const same = state.byStamp.get(stamp);
  if (same !== undefined) {
    const why = `${name} is stored already, as snapshot ${same.id.slice(0, 8)} of ${same.time}`;
    if (force) return { kind: 'take', archive, why: `${why}; taken again as asked` };
    return { kind: 'skip', code: 'SKIPPED_DUPLICATE', why };
  }
  if (stamp < state.newest) {
    const why = `${name} is older than the newest stored state, ${state.newest}`;
    if (force) return { kind: 'take', archive, why: `${why}; taken as asked` };
    const settled = settledArchive(input, state);
    const reason =
      settled === undefined
        ? 'was the clock of the client set back, or an old archive put into the spool?'
        : `${input.hostname} made both, and none since ${settled}, which is stored already`;
    return { kind: 'skip', code: 'SKIPPED_OLDER', why: `${why}: ${reason}` };
  }
  const why = state.newest === '' ? 'nothing is stored yet' : `newer than the newest stored state, ${state.newest}`;
  return { kind: 'take', archive, why };
}

/** No archive waits: fine when the newest one is in `done/` and stored, as on a second run on the same day. */
function chooseWithoutArchive(input: SelectInput, contents: SpoolContents, state: StoredState): Choice {
  const nothingOdd = contents.withoutManifest.length + contents.future.length + contents.notFiles.length === 0;
  const settled = settledArchive(input, state);
  if (settled === undefined || !nothingOdd) return { kind: 'none', why: describeNone(input, contents) };
  const why = `${input.hostname} has made no archive since ${settled}, which is stored already`;
  return { kind: 'skip', code: 'SKIPPED_DUPLICATE', why };
}

/** Name of the archive in `done/` that the newest stored state was made from. */
function settledArchive({ done, hostname }: SelectInput, state: StoredState): string | undefined {
  const isSettled = ({ name }: RemoteFile) => {
    const parsed = parseArchiveName(name);
    return parsed?.hostname === hostname && parsed.stamp === state.newest && state.byStamp.has(parsed.stamp);
  };
  return done.find(isSettled)?.name;
}
