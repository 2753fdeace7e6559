// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits.
 *
 * @param milliseconds at most 24.8 days (2^31 - 1 ms), the longest a timer can
 * @throws the signal's reason as soon as it is aborted
 */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // Node rejects with an error of its own that has the reason as its cause.
    signal?.throwIfAborted();
    throw error;
  }
}
