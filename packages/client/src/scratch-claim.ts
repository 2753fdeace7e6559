// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { lstat, open, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '@local-backup/common/errors';
import { isRunning, ownIdentity, processIdentitySchema } from '@local-backup/common/process-identity';
import type { TaskIo } from './task-context.ts';

/** Beside what is in a scratch directory: the process that made it. */
const CLAIM = 'claim';

/** A claim has some 150 bytes. */
const LARGEST_CLAIM = 4096;

const OTHERS_WRITE = 0o022;

const REMOVE_TIMEOUT_MS = 10 * 60_000;

/** Names of the directories that {@link claimScratch} is for. */
const SCRATCH_NAME = /^s-[0-9a-f]{8}$/;

/** Notes in a directory of ours which process uses it. Where /proc is not mounted it stays unclaimed, and is never swept. */
export async function claimScratch(directory: string): Promise<void> {
  const claim = identityHere();
  if (claim !== undefined) await writeFile(join(directory, CLAIM), JSON.stringify(claim), { mode: 0o600, flag: 'wx' });
}

function identityHere() {
  try {
    return ownIdentity();
  } catch {
    return undefined;
  }
}

/**
 * Removes scratch directories that runs which were killed have left. Only those of our own account that nobody else could
 * write to, and whose claim names a process of this machine that is gone: everything else is left alone.
 * @param parents where they may be
 */
export async function sweepScratch(
  io: Pick<TaskIo, 'exec' | 'log' | 'signal'>,
  parents: readonly string[] = [...new Set([tmpdir(), '/var/tmp'])],
): Promise<void> {
  for (const parent of parents) {
    const names = await readdir(parent).catch(() => []);
    for (const name of names.filter((one) => SCRATCH_NAME.test(one))) {
      const directory = join(parent, name);
      if (!(await isLeft(directory))) continue;
      const options = { cwd: '/', timeoutMs: REMOVE_TIMEOUT_MS, signal: io.signal };
      // Not by Node: what was started in it may live on and put links in the place of directories; rm follows none.
      await io.exec('rm', ['-rf', '--one-file-system', '--', directory], options).then(
        () => io.log.info(`Removed ${directory}, which a run that was killed had left.`),
        (error: unknown) => io.log.warn(`${directory} of a run that was killed stays: ${describeError(error)}`),
      );
      io.signal.throwIfAborted();
    }
  }
}

async function isLeft(directory: string): Promise<boolean> {
  const [own, facts] = [identityHere(), await lstat(directory).catch(() => undefined)];
  if (own === undefined || !facts?.isDirectory()) return false;
  if (facts.uid !== process.getuid?.() || (facts.mode & OTHERS_WRITE) !== 0) return false;
  const claim = processIdentitySchema.safeParse(await readClaim(join(directory, CLAIM)));
  return claim.success && isRunning(claim.data, own) === false;
}

async function readClaim(file: string): Promise<unknown> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch(() => undefined);
  try {
    const facts = await handle?.stat();
    if (!facts?.isFile() || facts.uid !== process.getuid?.() || facts.size > LARGEST_CLAIM) return undefined;
    return JSON.parse((await handle?.readFile('utf8')) ?? '');
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}
