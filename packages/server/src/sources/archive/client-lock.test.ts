// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import type { RemoteFile } from '../../remotes/remote.ts';
import { describeHeldLock, waitForClientLock } from './client-lock.ts';

/** A client whose lock has these mtimes when it is looked at; undefined: no lock. The clock moves by sleeping alone. */
function client(...mtimes: (number | undefined)[]) {
  let time = Date.parse('2026-11-21T03:00:00Z');
  let looks = 0;
  const stat = async (name: string): Promise<RemoteFile | undefined> => {
    const mtime = mtimes[Math.min(looks++, mtimes.length - 1)];
    return mtime === undefined ? undefined : { name, type: 'directory', size: 0, mtime };
  };
  const sleep = async (milliseconds: number) => {
    time += milliseconds;
  };
  return { stat, sleep, now: () => new Date(time), looks: () => looks };
}

const PATIENCE = { retries: 3, delayMs: 120_000 };

describe('waitForClientLock', () => {
  test('goes on at once where there is no lock', async () => {
    const one = client(undefined);
    expect(await waitForClientLock({ ...one, ...PATIENCE })).toBeUndefined();
    expect(one.looks()).toBe(1);
  });

  test('goes on when the lock goes away', async () => {
    const one = client(1, 2, undefined);
    expect(await waitForClientLock({ ...one, ...PATIENCE })).toBeUndefined();
    expect(one.looks()).toBe(3);
  });

  test('looks four times at a lock that stays, without delay too (C59)', async () => {
    const one = client(1);
    expect(await waitForClientLock({ ...one, retries: 3, delayMs: 0 })).toMatch(/each of the 4 times/);
    expect(one.looks()).toBe(4);
  });

  test('tells a living lock from one that was left', async () => {
    expect(await waitForClientLock({ ...client(100, 220, 340, 460), ...PATIENCE })).toMatch(
      /a backup is being made there/,
    );
    expect(await waitForClientLock({ ...client(100), ...PATIENCE })).toMatch(
      /over 6m, and nobody refreshed it: it was left/,
    );
  });
});

test('a lock that was watched for less than two refreshes is not called dead', () => {
  const text = describeHeldLock([
    { mtime: 1, seenAt: 0 },
    { mtime: 1, seenAt: 29_000 },
  ]);
  expect(text).toMatch(/too short to tell/);
});
