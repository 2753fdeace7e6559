// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSystemDirectory } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import * as z from 'zod';

/** Something that is being replaced. */
export const swapSchema = z.object({
  target: z.string(),
  /** Where the old one is meanwhile, and afterwards; undefined where there was none. */
  aside: z.string().optional(),
});

export type Swap = z.infer<typeof swapSchema>;

interface SwapIo {
  readonly exec: Run;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called before anything is touched; on disk when it resolves. */
  readonly remember: (swap: Swap) => Promise<void>;
}

/**
 * Puts a file or a tree in the place of what is there, which is renamed aside, in the same directory: so it costs no space
 * and no time, and is whole at any moment.
 * @returns where the old one is; undefined where there was none
 */
export async function putInPlace(source: string, target: string, io: SwapIo): Promise<string | undefined> {
  const missing = await firstMissing(target);
  if (missing === undefined) {
    const aside = `${target}.before-restore-${randomBytes(4).toString('hex')}`;
    await io.remember({ target, aside });
    await rename(target, aside);
    await copyTo(source, target, io);
    return aside;
  }
  await io.remember({ target: missing });
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await copyTo(source, target, io);
  return undefined;
}

/** Content, owner, mode, times, ACLs, attributes, hard links, holes; links as links. */
async function copyTo(source: string, target: string, { exec, timeoutMs, signal }: SwapIo): Promise<void> {
  await exec('cp', ['-a', '-T', '--', source, target], {
    cwd: '/',
    timeoutMs,
    signal,
    limitedBy: '`timeout` of the task',
  });
}

/** Puts the old state back; harmless when that has been done already, or when nothing was replaced yet. */
export async function putBack({ target, aside }: Swap): Promise<void> {
  if (aside === undefined) {
    await rm(target, { recursive: true, force: true });
    return;
  }
  if ((await lstat(aside).catch(() => undefined)) === undefined) return;
  await rm(target, { recursive: true, force: true });
  await rename(aside, target);
}

/** The highest directory above a path that does not exist, or the path itself; undefined where it is there. */
async function firstMissing(path: string): Promise<string | undefined> {
  let missing: string | undefined;
  for (let current = path; current !== dirname(current); current = dirname(current)) {
    if ((await lstat(current).catch(() => undefined)) !== undefined) return missing;
    missing = current;
  }
  return missing;
}

/** Why something cannot be put there; undefined where it can. */
export async function obstacleAt(target: string): Promise<string | undefined> {
  if (isSystemDirectory(target))
    return `${target} is a directory of the system and is not replaced. Restore it by hand.`;
  const missing = await firstMissing(target);
  const parent = dirname(missing ?? target);
  const real = await realpath(parent);
  if (real !== parent)
    return `The way to ${target} leads through a symbolic link (${parent} is ${real}): correct it first.`;
  if (missing !== undefined) return undefined;
  const [own, above] = [await lstat(target), await lstat(parent)];
  if (own.isDirectory() && own.dev !== above.dev)
    return `${target} is a mount point and cannot be renamed. Restore what is in it by hand.`;
  return undefined;
}

/** @throws BackupError `failed` where {@link obstacleAt} finds something: it may have come since the plan */
export async function requireNoObstacle(target: string): Promise<void> {
  const obstacle = await obstacleAt(target);
  if (obstacle !== undefined) throw new BackupError('failed', obstacle);
}

/** Where a path of the project is under another directory. */
export function moved(path: string, from: string, to: string): string | undefined {
  return path.startsWith(`${from}/`) ? join(to, path.slice(from.length + 1)) : undefined;
}
