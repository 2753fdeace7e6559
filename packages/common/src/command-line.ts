// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from './byte-path.ts';
import { BackupError, describeError, exitCodeOf, isReported } from './errors.ts';

/**
 * The last of the places that catch errors: tells the error on standard error, in the format of the log, unless the log
 * has told it already (`markReported`).
 * @param error whatever has reached the command line, commander's ways of ending included
 * @returns the exit code
 */
export async function reportError(error: unknown, { json }: { readonly json: boolean }): Promise<number> {
  if (isCommanderError(error)) {
    // Help and version come this way too, with exit code 0; commander has printed them.
    if (error.exitCode === 0) return 0;
    // Without --json commander has printed its reason already.
    const reason = json ? `${error.message.replace(/^error: /, '')}. ` : '';
    const usage = new BackupError('usage', `${reason}Invalid options provided. Use -h for help.`);
    await tell(usage, json);
    return exitCodeOf(usage);
  }
  if (!isReported(error)) await tell(error, json);
  return exitCodeOf(error);
}

/** Output that nobody reads any more (`-h | head`) is no error; output that cannot be written, on a full disk for example, is one. */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // Where the log listens too, it has its own rule: no backup ends because its log cannot be written.
      if (error.code !== 'EPIPE' && stream.listenerCount('error') === 1) throw error;
    });
  }
}

/** Help, version, or a wrong command line; `exitCode` 0 for the first two. Known by its code: this package does not depend on commander. */
export function isCommanderError(error: unknown): error is Error & { readonly exitCode: number } {
  const { code, exitCode } = error instanceof Error ? (error as { code?: unknown; exitCode?: unknown }) : {};
  return typeof code === 'string' && code.startsWith('commander.') && typeof exitCode === 'number';
}

/** For somebody at a terminal, or a file, a line without a date; machines get what they get from the log. */
async function tell(error: unknown, json: boolean): Promise<void> {
  // Loaded when it is needed: `-h` is fast.
  const { createToolbox, logFormatHere } = await import('./program.ts');
  const text = describeError(error);
  // It may quote what other programs, or names in an archive, have said: as in the log, none of it steers the terminal.
  const shown = text.split('\n').map(showControls).join('\n');
  if (logFormatHere(json).format === 'terminal') process.stderr.write(`ERROR: ${shown}\n`);
  else createToolbox({ level: 'error', json }).log.error(text);
}
