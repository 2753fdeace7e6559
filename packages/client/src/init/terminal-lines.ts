// SPDX-License-Identifier: AGPL-3.0-or-later
import { createInterface } from 'node:readline';

/** Questions to whoever sits at the terminal, one after the other. */
export interface TerminalLines {
  /** The answer without blanks around it; undefined when the terminal was closed. @throws what the signal was aborted with */
  readonly ask: (question: string) => Promise<string | undefined>;
  readonly close: () => void;
}

/** One reader for all questions: one for each could swallow what was typed ahead. */
export function openTerminalLines(signal: AbortSignal): TerminalLines {
  // Not as an editor of lines: Ctrl-C would end the question and nothing else.
  const reader = createInterface({ input: process.stdin, terminal: false });
  const lines = reader[Symbol.asyncIterator]();
  const aborted = new Promise<never>((_, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined);
  return {
    async ask(question) {
      signal.throwIfAborted();
      process.stdout.write(question);
      const { value, done } = await Promise.race([lines.next(), aborted]);
      return done === true ? undefined : value.trim();
    },
    close: () => reader.close(),
  };
}
