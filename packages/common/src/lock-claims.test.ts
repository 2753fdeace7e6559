// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addClaim, lastClaim, tidyClaims } from './lock-claims.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claims-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('lock claims', () => {
  it('begin with none, and the highest number counts', async () => {
    expect(await lastClaim(directory)).toEqual({ number: 0, text: '' });
    for (const number of [9, 10, 2]) await addClaim(directory, { number, text: `owner ${number}` });
    await writeFile(join(directory, '99.tmp'), 'not a claim');
    expect(await lastClaim(directory)).toEqual({ number: 10, text: 'owner 10' });
  });

  it('give a number to the first that asks, whatever the second does', async () => {
    expect(await addClaim(directory, { number: 1, text: 'first' })).toBe(true);
    expect(await addClaim(directory, { number: 1, text: 'late' })).toBe(false);
    expect(await lastClaim(directory)).toEqual({ number: 1, text: 'first' });
  });

  it('have an empty text when the lock is free', async () => {
    await addClaim(directory, { number: 1, text: '' });
    expect(await lastClaim(directory)).toEqual({ number: 1, text: '' });
  });

  it('keep the numbers of late contenders taken when they are tidied', async () => {
    for (let number = 1; number <= 20; number++) await addClaim(directory, { number, text: 'owner' });
    await tidyClaims(directory, 20);
    expect((await readdir(directory)).map(Number).sort((a, b) => a - b)).toEqual([12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(await addClaim(directory, { number: 12, text: 'late' })).toBe(false);
  });
});
