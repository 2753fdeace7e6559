// SPDX-License-Identifier: AGPL-3.0-or-later
import { createInterface } from 'node:readline/promises';
import { BackupError } from '@local-backup/common/errors';
import type { Session } from './session.ts';

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

/**
 * Whether somebody wants it: `--yes` was said, or is answered on the terminal.
 * @throws BackupError `usage` where nobody can be asked
 */
export async function isConfirmed(
  question: string,
  { json, signal }: Pick<Session, 'json' | 'signal'>,
  yes: boolean,
): Promise<boolean> {
  if (yes) return true;
  const ask = json ? undefined : askFor(signal);
  if (ask === undefined) {
    throw new BackupError('usage', 'There is no terminal to ask on. When somebody has looked, say so: --yes');
  }
  return /^y(es)?$/i.test((await ask(`${question}? [y/N] `)).trim());
}
