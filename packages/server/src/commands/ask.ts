// SPDX-License-Identifier: AGPL-3.0-or-later
import { createInterface } from 'node:readline/promises';

/** Asks on the terminal; undefined where there is none. */
export function askFor(signal: AbortSignal): ((question: string) => Promise<string>) | undefined {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    try {
      return await terminal.question(question, { signal });
    } finally {
      terminal.close();
    }
  };
}
