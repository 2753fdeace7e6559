// SPDX-License-Identifier: AGPL-3.0-or-later
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { RepositoryLock, Upkeep } from '../upkeep.ts';
import { isOursAndDead, judgeUnlock, type LockFacts, type Observer } from './dead-locks.ts';
import { findProcess } from './lock-owner.ts';
import type { Restic } from './restic.ts';
import { LIST_LOCKS_ARGS, lockFileArgs, UNLOCK_ARGS } from './upkeep-args.ts';
import { parseLock } from './upkeep-messages.ts';

export interface LockParts {
  readonly restic: Restic;
  readonly log: Log;
  readonly now: () => Date;
  /** Without credentials. */
  readonly repository: string;
  readonly queryMs: number;
}

/** The verb `locks` of the upkeep. */
export async function listLocks(parts: LockParts, signal: AbortSignal): Promise<readonly RepositoryLock[]> {
  const observer = observerOf(parts);
  return (await look(parts, signal)).map((facts) => ({ ...facts.lock, isOursAndDead: isOursAndDead(facts, observer) }));
}

/** The verb `removeDeadLocks` of the upkeep. */
export async function removeDeadLocks(parts: LockParts, signal: AbortSignal): ReturnType<Upkeep['removeDeadLocks']> {
  const { restic, log, queryMs } = parts;
  const found = await look(parts, signal);
  const observer = observerOf(parts);
  const before = found.map((facts) => ({ ...facts.lock, isOursAndDead: isOursAndDead(facts, observer) }));
  const verdict = judgeUnlock(found, observer);
  if (verdict !== 'safe') {
    if (verdict !== 'useless') log.warn(`the locks that dead processes left were not removed: ${verdict.why}`);
    return { removed: [], left: before };
  }
  await restic.call(UNLOCK_ARGS, { signal, timeoutMs: queryMs });
  const left = await listLocks(parts, signal);
  const removed = before.filter((lock) => lock.isOursAndDead && left.every(({ id }) => id !== lock.id));
  return { removed, left };
}

/** Every lock that was there all the while that it was looked at. */
async function look(parts: LockParts, signal: AbortSignal): Promise<readonly LockFacts[]> {
  const found: LockFacts[] = [];
  for (const id of await lockIds(parts, signal)) {
    const lock = await readLock(parts, id, signal);
    if (lock !== undefined) found.push({ lock, process: findProcess(lock.pid) });
  }
  return found;
}

async function lockIds({ restic, queryMs }: LockParts, signal: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line.trim());
  await restic.call(LIST_LOCKS_ARGS, { signal, timeoutMs: queryMs, onLine });
  return lines.filter((line) => /^[0-9a-f]{64}$/.test(line));
}

/** Undefined where its owner has removed it in the meantime. */
async function readLock(parts: LockParts, id: string, signal: AbortSignal): Promise<LockFacts['lock'] | undefined> {
  const { restic, repository, queryMs } = parts;
  const asked = { signal, timeoutMs: queryMs, tolerate: ['damaged', 'other'] } as const;
  const { failure, stdout } = await restic.call(lockFileArgs(id), asked);
  const lock = failure === undefined ? parseLock(stdout) : undefined;
  if (lock !== undefined) return { id, ...lock };
  if (!(await lockIds(parts, signal)).includes(id)) return undefined;
  throw new BackupError(
    'failed',
    `The lock ${id} of the restic repository at ${repository} cannot be read, so nobody knows whose it is. An interrupted ` +
      'upload or a full disk leaves such a file. Make sure that no restic is at work on the repository, then remove the ' +
      'lock: "restic unlock --remove-all" with this repository.',
  );
}

function observerOf({ restic, now }: LockParts): Observer {
  return { hostname: hostname(), program: basename(restic.settings.program), now: now() };
}
