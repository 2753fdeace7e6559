// SPDX-License-Identifier: AGPL-3.0-or-later
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Questions to whoever sits at the terminal. */
export const confirmOnTerminal = {
  isPossible: (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true,
  /**
   * True for `y` and `yes` alone; a closed terminal is no answer.
   * @throws what the signal was aborted with
   */
  async ask(question: string, signal: AbortSignal): Promise<boolean> {
    // Not as an editor of lines: Ctrl-C would end the question and nothing else.
    const terminal = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
    try {
      const closed = once(terminal, 'close').then(() => '');
      const answer = await Promise.race([terminal.question(`${question} [y/N] `, { signal }), closed]);
      return /^y(es)?$/i.test(answer.trim());
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      terminal.close();
    }
  },
};
