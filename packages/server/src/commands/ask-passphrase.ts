// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { openQuestions } from '@local-backup/common/questions/questions';

/**
 * Asks for secrets on the terminal, one after the other, without showing what is typed.
 * @throws BackupError `usage` where there is no terminal, or whoever sits there gives up with Ctrl-D; what the signal was
 *   aborted with
 */
export async function askPassphrases(questions: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  if (process.stdin.isTTY !== true) {
    throw new BackupError('usage', 'There is no terminal to ask for the passphrase. Give --passphrase-file FILE.');
  }
  const terminal = openQuestions(signal);
  const answers: string[] = [];
  for (const question of questions) {
    const answer = await terminal.secret(question.trim());
    if (answer === undefined) throw new BackupError('usage', 'No passphrase was given. Nothing was done.');
    answers.push(answer);
  }
  return answers;
}
