// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RepositoryLock } from '../upkeep.ts';
import type { ProcessFacts } from './lock-owner.ts';

/*
 * Which locks are left over from a dead process of this machine, and whether `restic unlock` may be let loose on what is
 * there. Values in, values out.
 *
 * `restic unlock` (internal/restic/lock.go, the same in 0.14 and 0.18) removes each lock that is older than 30 minutes,
 * whoever took it, and of those of this machine each whose process does not exist. It finds that out by sending SIGHUP to
 * the process: restic ignores that, another program that was given the same number may end of it.
 */

/** What is known about a lock. */
export interface LockFacts {
  readonly lock: Omit<RepositoryLock, 'isOursAndDead'>;
  /** The process of this machine that has the lock's number, whoever it may be. */
  readonly process: ProcessFacts | undefined;
}

/** This machine and this moment. */
export interface Observer {
  readonly hostname: string;
  /** The name of the program, as processes have it. */
  readonly program: string;
  readonly now: Date;
}

/** A process begins before its lock: one that began this much later, in milliseconds, is another one. */
const LATER = 2_000;

/** A restic that lives writes its lock anew every 5 minutes, and unlock takes those older than 30. Milliseconds. */
const FRESH = 15 * 60_000;
const STALE = 31 * 60_000;

/** True only where it is proven that the lock was left by a process of this machine that does not exist any more. */
export function isOursAndDead({ lock, process }: LockFacts, observer: Observer): boolean {
  if (lock.hostname !== observer.hostname) return false;
  if (process === undefined || process.isZombie) return true;
  // After a leap of the clock a process may seem to have begun later than it did, so a restic is never taken for dead.
  return process.began > Date.parse(lock.time) + LATER && !isRestic(process, observer);
}

/**
 * What `restic unlock` is good for at the moment.
 *
 * @returns `useless` where it would remove nothing that is proven dead, `safe` where it would remove nothing else and
 *   disturb nobody, else why it must not be run
 */
export function judgeUnlock(
  all: readonly LockFacts[],
  observer: Observer,
): 'useless' | 'safe' | { readonly why: string } {
  const isDead = (facts: LockFacts) => isOursAndDead(facts, observer);
  const removable = ({ lock, process }: LockFacts) => process === undefined || ageOf(lock, observer) > STALE;
  if (!all.some((facts) => isDead(facts) && removable(facts))) return 'useless';
  const atRisk = all.find((facts) => !isDead(facts) && ageOf(facts.lock, observer) > FRESH);
  if (atRisk !== undefined) {
    return { why: `it would remove the lock of ${ownerOf(atRisk)} too, which is not proven to be dead` };
  }
  const stranger = all.find((facts) => wouldBeSignalled(facts, observer));
  if (stranger !== undefined) {
    const { program = '' } = stranger.process ?? {};
    return { why: `it would send a signal to process ${stranger.lock.pid}, which is "${program}" and no restic` };
  }
  return 'safe';
}

/** For people: whose lock it is. */
function ownerOf({ lock }: LockFacts): string {
  return `process ${lock.pid} on ${lock.hostname} (${lock.time})`;
}

function wouldBeSignalled({ lock, process }: LockFacts, observer: Observer): boolean {
  if (lock.hostname !== observer.hostname || process === undefined || process.isZombie) return false;
  return ageOf(lock, observer) <= STALE && !isRestic(process, observer);
}

function ageOf({ time }: { readonly time: string }, { now }: Observer): number {
  return now.getTime() - Date.parse(time);
}

/** The kernel keeps 15 characters of a name. */
function isRestic({ program }: ProcessFacts, observer: Observer): boolean {
  return program === 'restic' || program === observer.program.slice(0, 15);
}
