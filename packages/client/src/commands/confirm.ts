// SPDX-License-Identifier: AGPL-3.0-or-later
import { canAsk, openQuestions } from '@local-backup/common/questions/questions';

/** Questions to whoever sits at the terminal. */
export const confirmOnTerminal = {
  isPossible: canAsk,
  /**
   * True for `y` and `yes` alone; a closed terminal is no answer.
   * @throws what the signal was aborted with
   */
  async ask(question: string, signal: AbortSignal): Promise<boolean> {
    return openQuestions(signal).confirm(question);
  },
};
