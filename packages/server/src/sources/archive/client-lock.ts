// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatDuration } from '@local-backup/common/duration';
import { SPOOL_LOCK, SPOOL_LOCK_REFRESH_MS, SPOOL_LOCK_STALE_MS } from '@local-backup/common/spool';
import type { RemoteFile } from '../../remotes/remote.ts';

export interface ClientLockOptions {
  /** Looks at a file of the spool. */
  readonly stat: (name: string) => Promise<RemoteFile | undefined>;
  /** How many more times to look at a held lock, and how many milliseconds apart. */
  readonly retries: number;
  readonly delayMs: number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** The server's clock. */
  readonly now: () => Date;
}

/** The lock as it was found: its mtime by the client's clock, and when we looked by the server's. */
export interface LockSample {
  /** Seconds. */
  readonly mtime: number;
  /** Milliseconds. */
  readonly seenAt: number;
}

/**
 * Waits until the client is not writing an archive. Never removes the lock: it is the client's.
 * @returns undefined when the spool is free, else why it is not
 */
export async function waitForClientLock(options: ClientLockOptions): Promise<string | undefined> {
  const samples: LockSample[] = [];
  for (;;) {
    const lock = await options.stat(SPOOL_LOCK);
    if (lock === undefined) return undefined;
    samples.push({ mtime: lock.mtime, seenAt: options.now().getTime() });
    if (samples.length > options.retries) return describeHeldLock(samples);
    await options.sleep(options.delayMs);
  }
}

/** The clocks of two machines are never compared: whether the mtime moves is all that counts. */
export function describeHeldLock(samples: readonly LockSample[]): string {
  const watchedMs = Math.max(0, (samples.at(-1)?.seenAt ?? 0) - (samples[0]?.seenAt ?? 0));
  const found = `The client's lock ${SPOOL_LOCK} was held each of the ${samples.length} times we looked, over ${formatDuration(watchedMs)}`;
  if (samples.some(({ mtime }) => mtime !== samples[0]?.mtime)) {
    return `${found}. It is being refreshed: a backup is being made there. If this happens often, let the server start later`;
  }
  // Two refreshes must have been missed before standing still means anything.
  if (watchedMs < 2 * SPOOL_LOCK_REFRESH_MS)
    return `${found}, which is too short to tell whether anybody still refreshes it`;
  const stale = formatDuration(SPOOL_LOCK_STALE_MS);
  return `${found}, and nobody refreshed it: it was left by a run that broke off. The client's next run takes it over once it is ${stale} old; until then start backup-client there, or look at its log`;
}
