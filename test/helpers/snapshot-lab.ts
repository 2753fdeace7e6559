// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { createRun, type Run } from '../../packages/common/src/exec.ts';

const run: Run = createRun({ scrub: (text) => text });

/** Runs so many commands, and then none any more, as after `kill -9`. */
export function killedAfter(commands: number): { readonly exec: Run; readonly killed: () => boolean } {
  let left = commands;
  const exec: Run = async (...args) => {
    left -= 1;
    if (left < 0) throw new Error('killed');
    return run(...args);
  };
  return { exec, killed: () => left < 0 };
}

/** Runs everything but what is refused. */
export function refusing(refuse: (program: string, args: readonly string[]) => Error | undefined): Run {
  return async (program, args, options) => {
    const error = refuse(program, args);
    if (error !== undefined) throw error;
    return run(program, args, options);
  };
}

/** Mounts of snapshots whose lines hold a text: the path of the test's own disk. */
export function snapshotMounts(text: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(' /run/local-backup/') && line.includes(text));
}
