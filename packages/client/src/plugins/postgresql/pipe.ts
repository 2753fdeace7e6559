// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PluginContext } from '../../plugin.ts';

/** The two ends of a pipe. Whoever has them closes them. */
export interface Pipe {
  readonly reader: FileHandle;
  readonly writer: FileHandle;
}

const TIMEOUT_MS = 30_000;

/** A throw-away server may own the directory. */
const NO_LINK = constants.O_NOFOLLOW;

/**
 * A pipe between two programs, or between a program and us: what flows through it is bytes, never whole in memory. It
 * has a name in `directory` for as long as it takes to open it.
 */
export async function openPipe(
  directory: string,
  { exec, signal }: Pick<PluginContext, 'exec' | 'signal'>,
): Promise<Pipe> {
  const path = join(directory, `.pipe-${randomBytes(6).toString('hex')}`);
  await exec('mkfifo', ['--mode=0600', path], { cwd: '/', timeoutMs: TIMEOUT_MS, signal });
  try {
    // Opening one end waits for the other; one that does not wait is held meanwhile.
    const first = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | NO_LINK);
    try {
      const writer = await open(path, constants.O_WRONLY | NO_LINK);
      return { writer, reader: await open(path, constants.O_RDONLY | NO_LINK) };
    } finally {
      await first.close();
    }
  } finally {
    await unlink(path);
  }
}
