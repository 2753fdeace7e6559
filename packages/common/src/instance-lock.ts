// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { check, lock } from 'proper-lockfile';
import * as z from 'zod';
import { BackupError } from './errors.ts';
import { addClaim, lastClaim, tidyClaims } from './lock-claims.ts';
import { isRunning, ownIdentity, type ProcessIdentity, processIdentitySchema } from './process-identity.ts';
import { sleep } from './sleep.ts';

/** In milliseconds; tests shorten them. */
export interface LockTimes {
  /** A lock that was taken over counts when the claim is still ours after this time. */
  readonly settle: number;
  /** How often the holder shows that it is alive, and looks whether the lock is still its own. */
  readonly update: number;
  /** A holder in another container, whose pid says nothing, is dead when it has not shown up for this long. */
  readonly stale: number;
}

const TIMES: LockTimes = { settle: 200, update: 5_000, stale: 30_000 };

const ownerSchema = processIdentitySchema.extend({ token: z.string().max(64) });

type Owner = z.infer<typeof ownerSchema>;

/**
 * Does `work` while no other process of this machine does so under the same `path`. The lock of a process that has died
 * (`kill -9`, power cut) is taken over at once.
 *
 * proper-lockfile alone lets in two or three of eight processes that meet at a dead lock in one of five cases (measured,
 * docs/decisions.md), so who holds the lock is decided by claims (`lock-claims.ts`). Its directory with a changing mtime
 * tells other containers that the holder lives, and the holder that somebody has taken the lock away.
 *
 * @param path of a directory that holds the lock, on a local file system; created, and left behind for the next one
 * @param program for the message to the second instance
 * @param work gets a signal that is aborted when the lock is lost: it has to end then, and so do its children
 * @throws BackupError `locked` where another instance is at work, `failed` where the lock cannot be taken or was lost
 */
export async function withInstanceLock<Result>(
  path: string,
  program: string,
  work: (signal: AbortSignal) => Promise<Result>,
  times: LockTimes = TIMES,
): Promise<Result> {
  await makeLockDirectory(path);
  const number = await claimLock(path, program, times);
  const lost = new AbortController();
  const onLost = (error: Error) => lost.abort(lostError(path, error));
  const stopHeartbeat = await startHeartbeat(path, times, onLost);
  try {
    return await work(lost.signal);
  } finally {
    await stopHeartbeat().catch(onLost);
    await freeLock(path, number).catch(onLost);
    // Whatever work came to: when the lock was lost, that is what has to be told.
    lost.signal.throwIfAborted();
  }
}

/** Lets the next one in. @throws Error where the lock is not ours any more */
async function freeLock(path: string, number: number): Promise<void> {
  if (!(await addClaim(path, { number: number + 1, text: '' }))) throw new Error('another process has claimed it');
}

/** Becomes the owner. Returns the number of the claim. */
async function claimLock(path: string, program: string, { settle, stale }: LockTimes): Promise<number> {
  const own: Owner = { ...ownIdentity(), token: randomBytes(16).toString('hex') };
  const text = JSON.stringify(own);
  for (;;) {
    const last = await lastClaim(path);
    const isFree = last.text === '';
    const owner = parseOwner(last.text);
    if (!isFree && (await isHeld(path, owner, { own, stale }))) throw lockedError(program, path, owner);
    const number = last.number + 1;
    // Another contender was quicker: look at who it is.
    if (!(await addClaim(path, { number, text }))) continue;
    if (!isFree) await sleep(settle);
    const counting = await lastClaim(path);
    if (counting.number === number && counting.text === text) {
      await tidyClaims(path, number);
      return number;
    }
  }
}

async function isHeld(
  path: string,
  owner: Owner | undefined,
  { own, stale }: { readonly own: ProcessIdentity; readonly stale: number },
): Promise<boolean> {
  const running = owner === undefined ? 'unknown' : isRunning(owner, own);
  return running === 'unknown'
    ? await check(path, { lockfilePath: heartbeatOf(path), realpath: false, stale })
    : running;
}

/** Only for the owner: what a dead one has left is removed without asking. */
async function startHeartbeat(
  path: string,
  { update, stale }: LockTimes,
  onCompromised: (error: Error) => void,
): Promise<() => Promise<void>> {
  const lockfilePath = heartbeatOf(path);
  await rm(lockfilePath, { recursive: true, force: true });
  return await lock(path, { lockfilePath, realpath: false, update, stale, onCompromised });
}

function heartbeatOf(path: string): string {
  return join(path, 'alive');
}

async function makeLockDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupError('failed', `Cannot use ${path} as a lock, it must be a directory: ${reason}`, {
      cause: error,
    });
  }
  const { uid } = await stat(path);
  if (uid !== process.geteuid?.()) {
    throw new BackupError('failed', `The lock ${path} belongs to user ${uid}. Run this as that user or remove it.`);
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    // Whatever it is, it was not written by us, and its heartbeat tells whether it is alive.
    return undefined;
  }
}

function lockedError(program: string, path: string, owner: Owner | undefined): BackupError {
  const who = owner === undefined ? `see ${path}` : `PID ${owner.pid}`;
  return new BackupError('locked', `[${program}] Another instance is already running (${who}). Exiting.`);
}

function lostError(path: string, cause: Error): BackupError {
  const message = `The instance lock ${path} was taken away while it was held (${cause.message}). The run was ended, because another instance may be at work. Look for what removes files there.`;
  return new BackupError('failed', message, { cause });
}
