// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { timeOfStamp } from '@local-backup/common/archive-name';
import { BackupError } from '@local-backup/common/errors';
import type { Offer, Source } from '../../packages/server/src/sources/source.ts';
import type { Snapshot } from '../../packages/server/src/stores/store.ts';

/** Content of files by path. */
export type Files = Readonly<Record<string, string>>;

/** A host in memory: the states that it has made, by stamp, and those it was told that they are stored. */
export interface MemoryHost {
  readonly states: Map<string, Files>;
  readonly settled: Set<string>;
}

export function createMemoryHost(): MemoryHost {
  return { states: new Map(), settled: new Set() };
}

/** A source without archives or network; keeps every promise of the interface as briefly as possible. */
export function createMemorySource(host: MemoryHost, liveDirectory: string): Source {
  const write = (files: Files) => {
    rmSync(liveDirectory, { recursive: true, force: true });
    mkdirSync(liveDirectory, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(liveDirectory, path)), { recursive: true });
      writeFileSync(join(liveDirectory, path), content);
    }
  };
  return {
    offer: async (stored) => offerNewest([...host.states.keys()], stored),
    bring: async ({ stamp }) => {
      write(host.states.get(stamp) ?? {});
      return [];
    },
    // It keeps no record of what it has brought before.
    hasUnseenChanges: () => true,
    confirm: async ({ stamp }) => {
      host.settled.add(stamp);
      return [];
    },
    close: async () => undefined,
  };
}

function offerNewest(stamps: readonly string[], stored: readonly Snapshot[]): Offer {
  const stamp = [...stamps].sort().at(-1);
  if (stamp === undefined) throw new BackupError('failed', 'The host has made nothing yet.');
  const tags = stored.flatMap((snapshot) => snapshot.tags).filter((tag) => timeOfStamp(tag) !== undefined);
  const why = `${stamp} is the newest state of the host`;
  if (tags.includes(stamp)) return { kind: 'skip', code: 'SKIPPED_DUPLICATE', why };
  if (tags.some((tag) => tag > stamp)) return { kind: 'skip', code: 'SKIPPED_OLDER', why };
  return { kind: 'new', stamp, label: `memory of ${stamp}`, why };
}
