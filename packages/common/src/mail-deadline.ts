// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatDuration } from './duration.ts';

/** A limit for something that cannot be stopped from outside. */
export interface Deadline {
  /** The promise's value, or an error when the time is over before there is one. */
  readonly race: <Value>(promise: Promise<Value>) => Promise<Value>;
  readonly clear: () => void;
}

/** A mail server that answers one byte at a time never reaches the time limits of a socket. */
export function createDeadline(milliseconds: number): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${formatDuration(milliseconds)}`)), milliseconds);
  });
  // It may expire between two races, when nobody listens.
  expired.catch(() => undefined);
  return { race: (promise) => Promise.race([promise, expired]), clear: () => clearTimeout(timer) };
}
