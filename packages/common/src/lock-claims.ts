// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Who holds a lock, as a row of numbered claims in a directory; the highest number counts. Every change of hands adds
 * the next number, and of all processes that try to add it one succeeds. So a contender that was stopped by the scheduler
 * between judging a claim dead and taking its place, however long, comes too late and cannot push out a newer owner.
 * A claim is a symlink, because making one is atomic, exclusive and brings its text along.
 */
export interface Claim {
  /** 0 where there is no claim yet. */
  readonly number: number;
  /** Empty where nobody holds the lock. */
  readonly text: string;
}

/**
 * Earlier claims that are kept. A contender that is late by fewer changes of hands finds its number taken; one that is
 * late by more sees higher numbers when it looks again.
 */
const KEPT_CLAIMS = 8;

/** A symlink cannot be empty. */
const FREE = 'free';

/** The claim that counts. */
export async function lastClaim(directory: string): Promise<Claim> {
  for (;;) {
    const number = Math.max(0, ...(await numbersIn(directory)));
    if (number === 0) return { number, text: '' };
    try {
      const text = await readlink(join(directory, String(number)));
      return { number, text: text === FREE ? '' : text };
    } catch (error) {
      // Tidied away since the directory was read: there are higher numbers by now.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Adds a claim; an empty text frees the lock. False where somebody else has added this number. */
export async function addClaim(directory: string, { number, text }: Claim): Promise<boolean> {
  try {
    await symlink(text === '' ? FREE : text, join(directory, String(number)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes claims that are long past. For the owner of claim `number`. */
export async function tidyClaims(directory: string, number: number): Promise<void> {
  const past = (await numbersIn(directory)).filter((other) => other < number - KEPT_CLAIMS);
  for (const other of past) await unlink(join(directory, String(other)));
}

async function numbersIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number);
}
