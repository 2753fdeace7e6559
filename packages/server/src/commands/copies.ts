// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Check } from '../check-list.ts';
import type { CopyConfig } from '../config/copies-schema.ts';
import type { Host } from '../config/host.ts';
import type { HostCopy } from '../copies/copy-host.ts';
import { readCopyMemory, writeCopyMemory } from '../copies/copy-memory.ts';
import { isStale } from '../report/freshness.ts';
import { formatTime, humanDuration } from '../report/text.ts';
import type { CopyStore } from '../stores/copy.ts';
import { createResticCopy } from '../stores/restic/copy.ts';
import { repositoriesOf } from './host-repositories.ts';
import { resticOptionsOf, runOf } from './repositories.ts';
import { withRepository } from './repository-lock.ts';
import type { Session } from './session.ts';

/** How long copying waits for a maintenance that is at work with the same host, in milliseconds. */
const TURN_WAIT_MS = 2 * 60 * 60_000;

/** A further repository of a host, by its configuration. */
interface ConfiguredCopy {
  readonly copy: CopyConfig;
  readonly store: CopyStore;
}

/** The further repositories of a host, in the order of the configuration. */
export function copyStoresOf(host: Host, session: Session): readonly ConfiguredCopy[] {
  const { log, now } = session;
  const parts = { run: runOf(session), log: log.child({ host: host.hostname }), now };
  const copyOf = resticOptionsOf(host, session);
  return repositoriesOf(host, session.config).flatMap(({ copy }) => {
    if (copy === undefined) return [];
    const options = resticOptionsOf(host, session, copy.name);
    const hasOwnPolicy = copy.forgetPolicy !== undefined;
    return [{ copy, store: createResticCopy({ ...options, copyOf, hasOwnPolicy, copyMs: copy.timeoutMs }, parts) }];
  });
}

/** The same, for the pipeline. */
export function copiesOf(host: Host, session: Session): readonly HostCopy[] {
  return copyStoresOf(host, session).map(({ copy: { name, maxAgeMs }, store }) => {
    const memory = join(session.config.stateDir, 'repositories', `${host.hostname}@${name}.newest.json`);
    return {
      ...{ name, maxAgeMs },
      bring: (signal) => inTurn(host, session, signal, store),
      known: () => readCopyMemory(memory),
      remember: (newest) => writeCopyMemory(memory, newest),
    };
  });
}

async function inTurn(host: Host, session: Session, signal: AbortSignal, { bring }: CopyStore) {
  const turn = await withRepository(host, session, { waitMs: TURN_WAIT_MS, signal }, bring);
  if (!turn.busy) return turn.result;
  throw new BackupError('locked', `Another backup-server (${turn.who}) is at work with the repositories of this host.`);
}

/** For `backup-server check`: is each copy there, ours and fresh? */
export function copyChecks(host: Host, session: Session): readonly Check[] {
  const { signal, now } = session;
  return copyStoresOf(host, session).map(({ copy: { name, maxAgeMs }, store: { check, store } }) => ({
    about: host.hostname,
    name: `copy ${name}`,
    work: async () => {
      await check(signal);
      const snapshots = await store.snapshots(signal);
      const newest = snapshots.at(-1)?.time;
      if (newest === undefined) return { warning: 'usable, without snapshots. The next backup fills it' };
      const text = `usable, ${snapshots.length} snapshots, the newest of ${formatTime(newest)}`;
      if (!isStale(newest, maxAgeMs, now())) return text;
      return { warning: `${text}, older than ${humanDuration(maxAgeMs)} (max_age of the copy)` };
    },
  }));
}
