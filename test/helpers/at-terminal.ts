// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

/** What is waited for, and what is typed then. */
export type Exchange = readonly [RegExp, string];

export interface TerminalKind {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Keys as a terminal sends them. */
export const KEYS = {
  up: '\x1b[A',
  down: '\x1b[B',
  enter: '\r',
  ctrlC: '\x03',
  ctrlD: '\x04',
  escape: '\x1b',
} as const;

/**
 * Runs a command line at a terminal of its own, with somebody who waits for each question.
 * @returns exit code, all that was written, and the same without escape sequences
 */
export async function atTerminal(command: string, exchanges: readonly Exchange[], kind: TerminalKind = {}) {
  const { columns = 100, rows = 30, env = {} } = kind;
  const child = spawn('script', ['-qec', `stty cols ${columns} rows ${rows}; ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '1', ...env },
  });
  const open = [...exchanges];
  let raw = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text;
    const [next] = open;
    const shown = stripVTControlCharacters(raw.slice(seen));
    if (next === undefined || !next[0].test(shown)) return;
    seen = raw.length;
    open.shift();
    child.stdin.write(next[1]);
  });
  const deadline = AbortSignal.timeout(60_000);
  const [code] = await once(child, 'close', { signal: deadline }).finally(() => child.kill());
  return {
    code: code as number,
    raw,
    text: stripVTControlCharacters(raw).replaceAll('\r', ''),
    unanswered: open.length,
  };
}
