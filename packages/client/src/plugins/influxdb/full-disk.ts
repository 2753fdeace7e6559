// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';

const POLL_MS = 500;

/** With less than this, in bytes, a file system is full: nothing that is worth saving fits. */
const FULL_BYTES = 64 * 1024;

/**
 * Ends what `work` does as soon as the disk is full: `influxd backup` tries for minutes then, for every shard (measured, 1.6.7).
 * @param work has to end when its signal is aborted
 * @throws BackupError `failed`
 */
export async function unlessFull(
  directory: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  const look = async () => {
    const { bfree, bsize } = await statfs(directory);
    if (bfree * bsize >= FULL_BYTES) return;
    ending.abort(
      new BackupError('failed', `There is no space left on the disk of ${directory}: make room, and try again.`),
    );
  };
  // A look that fails tells nothing; the program that writes there will.
  const timer = setInterval(() => void look().catch(() => undefined), POLL_MS);
  try {
    await work(ending.signal);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
