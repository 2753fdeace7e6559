// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Judged, RepositoryLock, Upkeep } from '../../packages/server/src/stores/upkeep.ts';

/** A verb that fails at the moment, and how. */
export type UpkeepFaults = Partial<Record<keyof Upkeep, BackupError>>;

/** What a memory upkeep looks after, and what is wrong with it. A test may change all of it at any time. */
export interface Shelf {
  /** Oldest first; the policy lets those without reasons go. */
  snapshots: Judged[];
  /** What a check finds. */
  problems: readonly string[];
  locks: readonly RepositoryLock[];
  faults: UpkeepFaults;
  /** What each snapshot occupies; that of forgotten ones is freed by prune. */
  bytesEach: number;
  /** Forgotten, and not freed yet. */
  unfreed: number;
  /** The verbs that were called, in order: `judge --keep-last 1`, `forget 2`, `check part 1/12 --no-cache`, ... */
  readonly calls: string[];
}

/** An upkeep without a repository, for tests of what uses one; passes the same contract suite as restic. */
export function createMemoryUpkeep(contents: Partial<Shelf> = {}): { readonly upkeep: Upkeep; readonly shelf: Shelf } {
  const shelf: Shelf = {
    ...{ snapshots: [], problems: [], locks: [], faults: {}, bytesEach: 1_000, unfreed: 0, calls: [] },
    ...contents,
  };
  const begin = (signal: AbortSignal, verb: keyof Upkeep, ...words: readonly (string | number)[]): void => {
    signal.throwIfAborted();
    shelf.calls.push([verb, ...words].join(' '));
    const fault = shelf.faults[verb];
    if (fault !== undefined) throw fault;
  };
  const upkeep: Upkeep = {
    judge: async (policy, signal) => {
      begin(signal, 'judge', ...policy);
      return judgeByPolicy(shelf.snapshots, policy);
    },
    forget: async (ids, signal) => {
      begin(signal, 'forget', ids.length);
      if (ids.some((id) => !/^[0-9a-f]{64}$/.test(id)))
        throw new BackupError('failed', 'not the whole id of a snapshot');
      const before = shelf.snapshots.length;
      shelf.snapshots = shelf.snapshots.filter(({ id }) => !ids.includes(id));
      shelf.unfreed += before - shelf.snapshots.length;
    },
    prune: async (signal) => {
      begin(signal, 'prune');
      shelf.unfreed = 0;
    },
    check: async (share, options, signal) => {
      begin(signal, 'check', shareText(share), ...options);
      return { problems: shelf.problems };
    },
    size: async (signal) => {
      begin(signal, 'size');
      return { bytes: (shelf.snapshots.length + shelf.unfreed) * shelf.bytesEach };
    },
    locks: async (signal) => {
      begin(signal, 'locks');
      return shelf.locks;
    },
    removeDeadLocks: async (signal) => {
      begin(signal, 'removeDeadLocks');
      const removed = shelf.locks.filter(({ isOursAndDead }) => isOursAndDead);
      const left = shelf.locks.filter(({ isOursAndDead }) => !isOursAndDead);
      shelf.locks = left;
      return { removed, left };
    },
  };
  return { upkeep, shelf };
}

/** A snapshot of the shelf: its whole id is the hexadecimal `name`, repeated. */
export function shelved(name: string, time: string, more: Partial<Judged> = {}): Judged {
  return { id: name.repeat(64).slice(0, 64), time, tags: [], reasons: ['daily snapshot'], ...more };
}

/** Of restic's policies only `--keep-last N`; with any other the reasons stay as they are on the shelf. */
function judgeByPolicy(snapshots: readonly Judged[], [option, count]: readonly string[]): readonly Judged[] {
  const sorted = [...snapshots].sort((left, right) => left.time.localeCompare(right.time));
  if (option !== '--keep-last') return sorted;
  return sorted.map((snapshot, index) => {
    return { ...snapshot, reasons: index >= sorted.length - Number(count) ? ['last snapshot'] : [] };
  });
}

function shareText(share: Parameters<Upkeep['check']>[0]): string {
  if (share.kind === 'part') return `part ${share.part}/${share.of}`;
  return share.kind === 'random' ? `random ${share.amount}` : share.kind;
}
