// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from './byte-path.ts';

/** How many of a program's last lines go into an error message, and how many characters of them at most. */
const QUOTED_LINES = 10;
const QUOTED_CHARACTERS = 2_000;

/** Why a program could not be started: the code of the system error and what was found when looking for the reason. */
export interface StartFailure {
  readonly code: string;
  readonly searchPath: string;
  readonly cwd: string | undefined;
  readonly cwdExists: boolean;
  readonly programExists: boolean;
}

/** Text for a program that could not be started. */
export function describeStartFailure(program: string, failure: StartFailure): string {
  return `Cannot start ${showControls(program)}: ${reasonOf(program, failure)}`;
}

function reasonOf(program: string, { code, searchPath, cwd, cwdExists, programExists }: StartFailure): string {
  if (!cwdExists && cwd !== undefined) return `the directory to start it in, ${showControls(cwd)}, does not exist.`;
  if (code === 'ENOENT' && programExists) return 'the interpreter named in its first line (#!) is not installed.';
  if (code === 'ENOENT' && program.includes('/')) return 'there is no such file. Install it or correct the path.';
  if (code === 'ENOENT') return `not found in ${searchPath}. Install it (on Debian: apt-cache search ${program}).`;
  if (code === 'EACCES') return 'permission denied; it must be an executable file (chmod +x), not on a noexec mount.';
  if (code === 'EPERM') return 'operation not permitted; only root may start a program as another user.';
  if (code === 'E2BIG') return 'its command line is longer than the system allows.';
  if (code === 'EAGAIN' || code === 'ENOMEM') return `out of processes or memory (${code}).`;
  return `system error ${code}.`;
}

/** Text for a program that ended by itself, but not well. */
export function describeExit(
  program: string,
  end: { readonly exitCode: number | undefined; readonly signal: string | undefined },
): string {
  const name = showControls(program);
  if (end.signal === 'SIGKILL') {
    return `${name} was killed (SIGKILL). If nobody did that, the machine ran out of memory: see journalctl -k.`;
  }
  if (end.signal === undefined && end.exitCode === undefined) {
    return `${name} could not be ended: it is stuck in the kernel, often on a file system that does not answer.`;
  }
  if (end.signal !== undefined) return `${name} was ended by ${end.signal}.`;
  return `${name} failed with exit code ${end.exitCode}.`;
}

/** Text for a program that was ended at its time limit. */
export function describeTimeout(
  program: string,
  { timeoutMs, limitedBy }: { readonly timeoutMs: number; readonly limitedBy?: string },
): string {
  const text = `${showControls(program)} did not finish within ${timeoutMs / 1000} s and was ended.`;
  return limitedBy === undefined ? text : `${text} What limits it, the lowest value counts: ${limitedBy}.`;
}

/**
 * The last lines of what a program wrote to standard error, to be put after one of the texts above: empty, or beginning
 * with a newline. Secrets are removed before anything is cut, so that no half of one is left over.
 */
export function quoteLastLines(stderr: string, scrub: (text: string) => string): string {
  const lines = scrub(stderr)
    .split(/[\r\n]+/)
    .map((line) => showControls(line.trimEnd()))
    .filter((line) => line !== '')
    .slice(-QUOTED_LINES);
  const text = lines.map((line) => `\n  ${line}`).join('');
  return text.length <= QUOTED_CHARACTERS ? text : `\n  ...${text.slice(-QUOTED_CHARACTERS)}`;
}
