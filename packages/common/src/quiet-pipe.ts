// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Readable } from 'node:stream';

/** How often to look, in milliseconds, and how many looks in a row must find nothing. */
const LOOK_EVERY_MS = 500;
const QUIET_LOOKS = 2;

/**
 * Closes the pipes of a program that has ended once no more data comes: a process that it left running in the background
 * may hold them open for ever. Two looks rather than one, so that data which waited while this process was busy is read
 * in between.
 */
export function closeWhenQuiet(pipes: readonly Readable[]): void {
  let fresh = false;
  let quietLooks = 0;
  for (const pipe of pipes) pipe.on('data', () => (fresh = true));
  const timer = setInterval(() => {
    const unread = pipes.some((pipe) => pipe.readableLength > 0);
    quietLooks = fresh || unread ? 0 : quietLooks + 1;
    fresh = false;
    if (quietLooks === QUIET_LOOKS) for (const pipe of pipes) pipe.destroy();
    if (pipes.every((pipe) => pipe.closed)) clearInterval(timer);
  }, LOOK_EVERY_MS);
  timer.unref();
}
