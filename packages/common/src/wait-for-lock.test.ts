// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BackupError } from './errors.ts';
import { withInstanceLock } from './instance-lock.ts';
import { createLog } from './log.ts';
import { waitOf, withLockInTurn } from './wait-for-lock.ts';

let directory: string;
const path = () => join(directory, 'x.lock');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wait-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const silent = { write: () => undefined };
const log = createLog({ level: 0, format: 'terminal', scrub: (text) => text, stdout: silent, stderr: silent });
const take = (waitMs: number, signal: AbortSignal, work: () => Promise<unknown>) =>
  withLockInTurn({ path: path(), program: 'x' }, { waitMs, signal, log }, work);

it('has the lock when the other one has ended, and not before', async () => {
  const order: string[] = [];
  const waiting: Promise<unknown>[] = [];
  await withInstanceLock(path(), 'x', async () => {
    waiting.push(take(60_000, new AbortController().signal, async () => order.push('second')));
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push('first');
  });
  await Promise.all(waiting);
  expect(order).toEqual(['first', 'second']);
});

it('gives up when the time is over, or the run is ended', async () => {
  await withInstanceLock(path(), 'x', async () => {
    const { signal } = new AbortController();
    await expect(take(0, signal, async () => 0)).rejects.toMatchObject({ code: 'locked' });
    await expect(take(100, signal, async () => 0)).rejects.toMatchObject({ code: 'locked' });
    const ended = AbortSignal.timeout(50);
    await expect(take(60_000, ended, async () => 0)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

it('work that ends with `locked` for another reason is not done again', async () => {
  let times = 0;
  const work = async () => {
    times += 1;
    throw new BackupError('locked', 'something else');
  };
  await expect(take(60_000, new AbortController().signal, work)).rejects.toThrow('something else');
  expect(times).toBe(1);
});

it('--wait is a time', () => {
  expect(waitOf(undefined)).toBe(0);
  expect(waitOf('2h')).toBe(7_200_000);
  expect(() => waitOf('long')).toThrow(/^--wait: /);
});
