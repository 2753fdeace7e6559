// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '@local-backup/common/exec';

/** `.to-host-<pid>-<random>`: no host is called so, and a dead process is known. */
const NAME = /^\.to-host-(\d+)-/;

/** Removing millions of files from a slow disk. */
const REMOVE_TIMEOUT_MS = 2 * 60 * 60_000;

/**
 * Does work with a directory of its own, mode 0700, which goes afterwards; what killed runs have left goes before.
 * @param directory where such directories are made
 */
export async function withScratchCopy<Result>(
  directory: string,
  run: Run,
  work: (scratch: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const remove = async (path: string) => {
    await run('rm', ['-rf', '--one-file-system', '--', path], { timeoutMs: REMOVE_TIMEOUT_MS });
  };
  for (const name of await readdir(directory)) {
    const pid = Number(NAME.exec(name)?.[1] ?? 0);
    if (pid > 0 && !isAlive(pid)) await remove(join(directory, name));
  }
  const scratch = await mkdtemp(join(directory, `.to-host-${process.pid}-`));
  try {
    return await work(scratch);
  } finally {
    await remove(scratch);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
