// SPDX-License-Identifier: AGPL-3.0-or-later
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { BackupError } from '@local-backup/common/errors';

/**
 * Asks for secrets on the terminal, one after the other, without showing what is typed.
 * @throws BackupError `usage` where there is no terminal, or whoever sits there gives up with Ctrl-C or Ctrl-D
 */
export async function askPassphrases(questions: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  if (process.stdin.isTTY !== true) {
    throw new BackupError('usage', 'There is no terminal to ask for the passphrase. Give --passphrase-file FILE.');
  }
  // With `terminal`, readline itself shows what is typed: here to nobody.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  const close = () => terminal.close();
  terminal.once('SIGINT', close);
  signal.addEventListener('abort', close, { once: true });
  const lines = terminal[Symbol.asyncIterator]();
  const answers: string[] = [];
  try {
    for (const question of questions) {
      process.stderr.write(question);
      const { value, done } = await lines.next();
      process.stderr.write('\n');
      signal.throwIfAborted();
      if (done === true) throw new BackupError('usage', 'No passphrase was given. Nothing was done.');
      answers.push(value);
    }
  } finally {
    signal.removeEventListener('abort', close);
    terminal.close();
  }
  return answers;
}
