// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLock } from '../../packages/server/src/commands/repository-lock.ts';
import { silentLog } from '../helpers/silent-log.ts';

let directory: string;
const never = new AbortController().signal;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'repository-lock-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Somebody at work with `name` until `end` is called. */
async function atWork(name: string) {
  let end: () => void = () => undefined;
  const finished = new Promise<void>((done) => {
    end = done;
  });
  let turn: Promise<unknown> = Promise.resolve();
  await new Promise<void>((begun) => {
    turn = withLock(join(directory, name), silentLog, { waitMs: 0, signal: never }, () => {
      begun();
      return finished;
    });
  });
  return { end, turn };
}

test('who comes second is told who is at work, and does nothing', async () => {
  const first = await atWork('busy');
  const second = await withLock(join(directory, 'busy'), silentLog, { waitMs: 0, signal: never }, async () => 'done');
  expect(second).toEqual({ busy: true, who: `PID ${process.pid}` });
  first.end();
  await first.turn;
});

test('who waits has its turn when the first one is done; another lock is not waited for', async () => {
  const first = await atWork('wait');
  const order: string[] = [];
  const waiting = withLock(join(directory, 'wait'), silentLog, { waitMs: 600_000, signal: never }, async () => {
    order.push('second');
  });
  await withLock(join(directory, 'other'), silentLog, { waitMs: 0, signal: never }, async () => {
    order.push('other');
  });
  first.end();
  await first.turn;
  expect(await waiting).toEqual({ busy: false, result: undefined });
  expect(order).toEqual(['other', 'second']);
});

test('a run that is ended waits no longer', async () => {
  const first = await atWork('abort');
  const controller = new AbortController();
  const waiting = withLock(
    join(directory, 'abort'),
    silentLog,
    { waitMs: 600_000, signal: controller.signal },
    async () => 'done',
  );
  controller.abort(new BackupError('interrupted', 'ended'));
  await expect(waiting).rejects.toThrow('ended');
  first.end();
  await first.turn;
});

test('the work is ended with the run', async () => {
  const controller = new AbortController();
  const patience = { waitMs: 0, signal: controller.signal };
  const turn = withLock(join(directory, 'work'), silentLog, patience, (signal) => {
    controller.abort();
    return Promise.resolve(signal.aborted);
  });
  expect(await turn).toEqual({ busy: false, result: true });
});

test('that restic has found the repository locked is an error of the work, not a turn to wait for', async () => {
  const locked = new BackupError('locked', 'restic says so');
  const turn = withLock(join(directory, 'restic'), silentLog, { waitMs: 600_000, signal: never }, () =>
    Promise.reject(locked),
  );
  await expect(turn).rejects.toBe(locked);
});
