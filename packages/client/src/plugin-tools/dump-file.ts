// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Run, RunOptions, RunResult } from '@local-backup/common/exec';

export interface DumpFile {
  /** Where the dump goes; must not exist. */
  readonly file: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly options: Omit<RunOptions, 'stdoutTo' | 'onLine'>;
  readonly exec: Run;
  /** What the last kilobytes of a whole dump hold; undefined where the format has no such mark. */
  readonly endMark?: { readonly pattern: RegExp; readonly name: string };
}

/** The end mark of a dump is looked for in so many last bytes. */
const TAIL_BYTES = 8 * 1024;

/**
 * Runs a program whose standard output is a dump, straight into a file of mode 0600. The file is there only when the dump
 * is whole: the program succeeded, it is not empty, and it ends as a whole one does, whatever the exit code was.
 * @throws BackupError `failed`; the file is gone then
 */
export async function dumpToFile({ file, program, args, options, exec, endMark }: DumpFile): Promise<RunResult> {
  const output = await open(file, 'wx+', 0o600);
  try {
    const result = await exec(program, args, { ...options, stdoutTo: output.fd });
    const { size } = await output.stat();
    if (size === 0) throw new BackupError('failed', `${program} ended without error but dumped nothing.`);
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await output.read(Buffer.alloc(length), 0, length, size - length);
    if (endMark !== undefined && !endMark.pattern.test(buffer.toString('latin1'))) {
      throw new BackupError(
        'failed',
        `${program} ended without error, but its dump ends before its end (no ${endMark.name}): ${basename(file)} is not saved.`,
      );
    }
    return result;
  } catch (error) {
    // Half a dump must not be taken for a whole one.
    await rm(file, { force: true });
    throw error;
  } finally {
    await output.close();
  }
}
