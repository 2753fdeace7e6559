// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { findProcess } from './lock-owner.ts';

test('a process, when it began and what it is', async () => {
  const before = Date.now();
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  const after = Date.now();
  const found = findProcess(child.pid ?? 0);
  expect(found).toMatchObject({ isZombie: false, program: 'sleep' });
  // The kernel counts in hundredths of a second.
  expect(found?.began).toBeGreaterThan(before - 500);
  expect(found?.began).toBeLessThan(after + 500);
  child.kill('SIGKILL');
  await ended;
  expect(findProcess(child.pid ?? 0)).toBeUndefined();
});

test('one that has ended and was not reaped is no living one', async () => {
  // The shell becomes a program that never asks for the exit code of its child.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(parent, 'exit');
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  for (let round = 0; round < 500 && findProcess(pid)?.isZombie === false; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(findProcess(pid)).toMatchObject({ isZombie: true });
  parent.kill('SIGKILL');
  await ended;
});

test('no process', () => {
  expect(findProcess(2 ** 30)).toBeUndefined();
});
