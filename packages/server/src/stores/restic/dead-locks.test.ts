// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { isOursAndDead, judgeUnlock, type LockFacts } from './dead-locks.ts';
import type { ProcessFacts } from './lock-owner.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const observer = { hostname: 'server', program: 'restic-0.18', now: NOW };
const before = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);

/** A lock so many minutes old, and the process that has its number. */
function lockOf(minutes: number, hostname: string, process?: ProcessFacts): LockFacts {
  const lock = { id: 'a', time: before(minutes).toISOString(), exclusive: true, hostname, username: 'root', pid: 7 };
  return { lock, process };
}
const running = (program: string, minutes: number): ProcessFacts => {
  return { began: before(minutes).getTime(), isZombie: false, program };
};

const gone = (minutes: number) => lockOf(minutes, 'server');
const alive = (minutes: number) => lockOf(minutes, 'server', running('restic', minutes + 1));
const foreign = (minutes: number) => lockOf(minutes, 'other');
const zombie = (minutes: number) => lockOf(minutes, 'server', { ...running('restic', minutes + 1), isZombie: true });
const reused = (minutes: number) => lockOf(minutes, 'server', running('postgres', minutes - 1));

describe('a lock is ours and dead', () => {
  test.each<[boolean, string, LockFacts]>([
    [true, 'its process is gone', gone(1)],
    [true, 'its process has ended', zombie(1)],
    [true, 'its number was given to a later process', reused(5)],
    [false, 'its process runs', alive(1)],
    [false, 'its process runs and has written it anew', lockOf(1, 'server', running('restic', 600))],
    [false, 'it is of another machine', foreign(600)],
    [
      false,
      'a restic seems younger than its lock, after the clock was put forward',
      lockOf(60, 'server', running('restic', 1)),
    ],
    [false, 'so does a restic by another name', lockOf(60, 'server', running('restic-0.18', 1))],
    [false, 'a process that was there before has its number', lockOf(5, 'server', running('postgres', 6))],
    [false, 'a process that began in the same second has its number', lockOf(5, 'server', running('postgres', 5))],
  ])('%s: %s', (expected, _name, facts) => {
    expect(isOursAndDead(facts, observer)).toBe(expected);
  });
});

describe('restic unlock', () => {
  test.each<[string, string, readonly LockFacts[]]>([
    ['useless', 'no lock', []],
    ['useless', 'nobody is dead', [alive(1), foreign(600)]],
    ['useless', 'restic would take an ended process for alive', [zombie(1)]],
    ['useless', 'restic would take another process for the owner', [reused(5)]],
    ['safe', 'a dead one', [gone(1)]],
    ['safe', 'dead ones of any age', [gone(1), gone(600), zombie(600), reused(600)]],
    ['safe', 'dead ones beside fresh ones', [gone(1), alive(4), foreign(4), zombie(1)]],
    ['it would remove the lock of process 7 on other', 'an old foreign one beside it', [gone(1), foreign(40)]],
    ['it would remove the lock of process 7 on other', 'one that gets old meanwhile', [gone(1), foreign(16)]],
    ['it would remove the lock of process 7 on server', 'a live one that was not refreshed', [gone(1), alive(40)]],
    ['send a signal to process 7, which is "postgres"', 'an innocent process would get a signal', [gone(1), reused(5)]],
  ])('%s: %s', (expected, _name, facts) => {
    const verdict = judgeUnlock(facts, observer);
    expect(typeof verdict === 'string' ? verdict : verdict.why).toContain(expected);
  });
});
