// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { sleep } from '@local-backup/common/sleep';

/** A server that has just been started reads its files first. */
const LONGEST_WAIT_MS = 60_000;

const POLL_MS = 1_000;

/**
 * Asks a server that may still be coming up, until it answers.
 * @throws BackupError what it said last, after a minute; or the signal's reason
 */
export async function untilAnswers<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  // By the clock, not by questions: a server that is frozen takes its time limit for each.
  const end = performance.now() + LONGEST_WAIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupError) || performance.now() >= end) throw error;
    }
    await sleep(POLL_MS, signal);
  }
}
