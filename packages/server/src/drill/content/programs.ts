// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { runSandboxed } from '../../sandbox.ts';
import { withFile } from './read.ts';

/** Nobody: the program gets what it is to read from us, and may touch nothing else. */
const NOBODY = 65_534;

export interface ProgramIo {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** What is left of the time for all of it, in milliseconds. */
  readonly timeoutMs: number;
}

/** Lists a tar archive to its end; undefined: that could be done, else what GNU tar says. */
export async function tarProblem(path: Buffer, gzip: boolean, io: ProgramIo): Promise<string | undefined> {
  const nothing = await open('/dev/null', 'w');
  try {
    return await withFile(path, async (stdin) => {
      const args = ['--list', ...(gzip ? ['--gzip'] : []), '--file=-'];
      const identity = { uid: NOBODY, gid: NOBODY };
      return await problemOf(io.run('tar', args, { ...identity, ...io, stdin, stdoutTo: nothing.fd }), io.signal);
    });
  } finally {
    await nothing.close();
  }
}

/**
 * Lets sqlite3 look at a database as the program that it belongs to would open it, journals rolled back: in a sandbox,
 * where it can write to nothing but the restored tree. `-safe` takes away what could run programs or load extensions.
 *
 * @param place the tree, an empty directory for the sandbox, and the path of the database in the tree
 * @returns what is wrong with it; `sandbox` where it could not be looked at
 */
export async function sqliteProblem(
  place: { readonly tree: string; readonly mountPoint: string; readonly path: string },
  { run, signal, timeoutMs }: ProgramIo,
): Promise<{ readonly problem?: string; readonly unseen?: string }> {
  const sandbox = { directory: place.tree, mountPoint: place.mountPoint, timeoutMs, signal, run };
  const command = ['sh', '-c', SQLITE_SCRIPT, 'sh', `./${place.path}`];
  try {
    const answer = (await runSandboxed(sandbox, { command, maxFileBytes: SQLITE_FILE_BYTES })).trim();
    return answer === 'ok' ? {} : { problem: inOneLine(answer) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    if (error.message.startsWith('Cannot build the sandbox')) return { unseen: error.message };
    return { problem: inOneLine(error.message) };
  }
}

/** Characters of what a program says that are told. */
const LONGEST_ANSWER = 300;

const SQLITE_SCRIPT = `sqlite3 -safe -batch "$1" 'PRAGMA trusted_schema=OFF; PRAGMA integrity_check(1);' >&2 || :`;

/** For journals and shared memory beside a database. */
const SQLITE_FILE_BYTES = 1024 ** 4;

async function problemOf(running: Promise<unknown>, signal: AbortSignal): Promise<string | undefined> {
  try {
    await running;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return inOneLine(error.message);
  }
}

function inOneLine(text: string): string {
  return showControls(text.trim().replace(/\s*\n\s*/g, ' ')).slice(0, LONGEST_ANSWER) || 'it gave no answer';
}
