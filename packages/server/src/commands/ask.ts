// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { canAsk, openQuestions } from '@local-backup/common/questions/questions';
import type { Session } from './session.ts';

/** Asks on the terminal; undefined where there is none. A closed terminal answers nothing: ''. */
export function askFor(signal: AbortSignal): ((question: string) => Promise<string>) | undefined {
  if (!canAsk()) return undefined;
  return async (question) => (await openQuestions(signal).text(question.trim())) ?? '';
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
  if (json || !canAsk()) {
    throw new BackupError('usage', 'There is no terminal to ask on. When somebody has looked, say so: --yes');
  }
  return openQuestions(signal).confirm(`${question}?`);
}
