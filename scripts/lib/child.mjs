// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { repository } from './repository.mjs';

/** How long output may come after the end of a program. */
const OUTPUT_GRACE_MS = 5_000;

/** Process groups that are running; they are ended with this program. */
const running = new Set();

/** @param {'SIGTERM' | 'SIGKILL' | 'SIGINT'} signal */
function endAll(signal) {
  for (const group of running) {
    try {
      process.kill(-group, signal);
    } catch {
      running.delete(group); // Has ended by itself meanwhile.
    }
  }
}

for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.once(signal, () => {
    endAll(signal);
    process.exit(code);
  });
}

/**
 * @typedef {object} Child
 * @property {() => Promise<void>} show Prints what came so far, then what comes, as it comes; settles at the end.
 * @property {Promise<{ code: number, seconds: number }>} ended Never rejects; `code` is 1 for everything but an exit code.
 */

/**
 * Starts a program of the repository in a process group of its own, which ends as a whole after `limitMs`. Its output is kept
 * until somebody shows it, so that programs that run at the same time can be shown one after the other.
 *
 * @param {string[]} command
 * @param {{ limitMs: number }} options
 * @returns {Child}
 */
export function start([program = '', ...args], { limitMs }) {
  const began = Date.now();
  /** @type {Buffer[]} */
  const kept = [];
  /** @type {(chunk: Buffer) => void} */
  let take = (chunk) => kept.push(chunk);
  const child = spawn(program, args, {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) running.add(child.pid);
  const limit = setTimeout(() => {
    take(Buffer.from(`\nEnded after ${limitMs / 1000} s without having finished.\n`));
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, limitMs);
  child.stdout.on('data', (chunk) => take(chunk));
  child.stderr.on('data', (chunk) => take(chunk));
  child.on('error', (error) => take(Buffer.from(`${program} could not be started: ${error.message}\n`)));
  child.on('exit', () => clearTimeout(limit));
  const ended = codeOf(child).then((code) => {
    clearTimeout(limit);
    running.delete(child.pid);
    child.stdout.destroy();
    child.stderr.destroy();
    return { code, seconds: (Date.now() - began) / 1000 };
  });
  return {
    ended,
    async show() {
      for (const chunk of kept.splice(0)) process.stdout.write(chunk);
      take = (chunk) => process.stdout.write(chunk);
      await ended;
    },
  };
}

/**
 * Waits for the last output too, but not for a process that was left behind and still holds the pipe.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>}
 */
function codeOf(child) {
  return new Promise((settle) => {
    child.on('error', () => settle(1));
    child.on('exit', (code) => setTimeout(() => settle(code ?? 1), OUTPUT_GRACE_MS).unref());
    child.on('close', (code) => settle(code ?? 1));
  });
}
