// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { withoutCredentials } from '../../config/repository-location.ts';
import type { Snapshot } from '../store.ts';
import type { Upkeep } from '../upkeep.ts';
import { snapshotsArgs } from './args.ts';
import { removeOldCheckCaches } from './check-cache.ts';
import { checkRepository } from './check-repository.ts';
import { forget, judge } from './forget.ts';
import { listLocks, removeDeadLocks } from './locks.ts';
import { parseRepositoryId, parseSnapshots } from './messages.ts';
import { readPin, requirePinned } from './pin.ts';
import { createRestic, type ResticSettings } from './restic.ts';
import { CONFIG_UNLOCKED_ARGS, PRUNE_ARGS, SIZE_ARGS } from './upkeep-args.ts';
import { parseSize } from './upkeep-messages.ts';

export interface ResticUpkeepOptions extends ResticSettings {
  /** File in the state directory that remembers the repository's id. */
  readonly pinFile: string;
  /** Time limits in milliseconds: of questions to the repository, and of each forget, prune, check and size. */
  readonly timeouts: { readonly queryMs: number; readonly upkeepMs: number };
}

export interface ResticUpkeepParts {
  readonly run: Run;
  readonly log: Log;
  readonly now: () => Date;
}

/** After its time is up, a check is gone before this has passed. Milliseconds. */
const CHECK_ENDS_WITHIN = 3_600_000;

/** Looks after the restic repository of one host. Only a repository whose id is the pinned one is judged or touched. */
export function createResticUpkeep(options: ResticUpkeepOptions, { run, log, now }: ResticUpkeepParts): Upkeep {
  const { host, pinFile, timeouts } = options;
  const { queryMs, upkeepMs } = timeouts;
  const restic = createRestic(options, { run, log });
  const repository = withoutCredentials(options.repository);

  const requireOurs = async (signal: AbortSignal): Promise<void> => {
    const { stdout } = await restic.call(CONFIG_UNLOCKED_ARGS, { signal, timeoutMs: queryMs });
    const id = parseRepositoryId(stdout) ?? fail(`restic cat config shows no repository id at ${repository}.`);
    requirePinned(await readPin(pinFile), { id, repository, host, pinFile });
  };

  const snapshots = async (signal: AbortSignal): Promise<readonly Snapshot[]> => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    await restic.call(snapshotsArgs(host), { signal, timeoutMs: queryMs, onLine });
    return parseSnapshots(lines, host) ?? fail(`restic snapshots gives no list that can be read, from ${repository}.`);
  };

  const forgetting = { restic, snapshots, queryMs, upkeepMs };
  const locking = { restic, log, now, repository, queryMs };

  return {
    judge: async (policy, signal) => {
      await requireOurs(signal);
      return judge(forgetting, policy, signal);
    },
    forget: async (ids, signal) => {
      await requireOurs(signal);
      await forget(forgetting, ids, signal);
    },
    prune: async (signal) => {
      await requireOurs(signal);
      await restic.call(PRUNE_ARGS, { signal, timeoutMs: upkeepMs, locks: true });
    },
    check: async (share, words, signal) => {
      await requireOurs(signal);
      await removeOldCheckCaches(options.cacheDirectory, upkeepMs + options.lockWaitMs + CHECK_ENDS_WITHIN, now());
      return checkRepository({ restic, upkeepMs }, { share, options: words }, signal);
    },
    size: async (signal) => {
      const { stdout } = await restic.call(SIZE_ARGS, { signal, timeoutMs: upkeepMs });
      return {
        bytes: parseSize(stdout) ?? fail(`restic stats does not tell the size of the repository at ${repository}.`),
      };
    },
    locks: (signal) => listLocks(locking, signal),
    removeDeadLocks: async (signal) => {
      await requireOurs(signal);
      return removeDeadLocks(locking, signal);
    },
  };
}

function fail(message: string): never {
  throw new BackupError('failed', message);
}
