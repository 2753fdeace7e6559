// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { copyData, identityOf, newSwap, swapBack, swapIn } from './swap.ts';

let root: string;
const at = (name: string) => join(root, name);
const put = (name: string) => {
  mkdirSync(at(name));
  writeFileSync(at(`${name}/${name}`), '');
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'swap-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('a server that has been started at the last moment keeps its files', async () => {
  put('old');
  const swap = { ...(await newSwap(at('old'))), fresh: at('fresh') };
  put('fresh');
  const isUsed = async (directory: string) => {
    throw new Error(`${directory} is open`);
  };
  await expect(swapIn(swap, isUsed)).rejects.toThrow(`${swap.aside} is open`);
  expect(existsSync(at('old'))).toBe(false);
  await swapBack(swap);
  expect([readdirSync(root), readdirSync(at('old'))]).toEqual([['old'], ['old']]);
});

it('where nothing was, only what was put there is taken away', async () => {
  const swap = { ...(await newSwap(at('data'))), fresh: at('fresh') };
  expect(swap.aside).toBeNull();
  // Nothing of the copy was made yet, and somebody has installed a server.
  put('data');
  await swapBack(swap);
  expect(readdirSync(at('data'))).toEqual(['data']);
  rmSync(at('data'), { recursive: true });
  put('fresh');
  const whole = { ...swap, made: (await identityOf(swap.fresh)) ?? null };
  await swapBack({ ...whole, fresh: at('other') });
  await swapIn(whole, async () => undefined);
  expect(readdirSync(root)).toEqual(['data']);
  await swapBack(whole);
  expect(readdirSync(root)).toEqual([]);
  put('data');
  await swapBack(whole);
  expect(readdirSync(root)).toEqual(['data']);
});

it('an interrupt ends the copy of a large file', async () => {
  const bytes = 1024 ** 3;
  mkdirSync(at('from'));
  writeFileSync(at('from/ibdata1'), '');
  truncateSync(at('from/ibdata1'), bytes);
  const ending = new AbortController();
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o700 };
  const given = { owner, signal: ending.signal, durable: false };
  const copying = copyData({ from: at('from'), to: at('to') }, ['ibdata1'], given);
  const size = () => (existsSync(at('to/ibdata1')) ? statSync(at('to/ibdata1')).size : 0);
  while (size() === 0) await delay(1);
  ending.abort(new Error('interrupted'));
  await expect(copying).rejects.toThrow('interrupted');
  expect(size()).toBeLessThan(bytes);
});
