// SPDX-License-Identifier: AGPL-3.0-or-later

/** A window is looked at in this many parts, so that a peer that stops is noticed one part late at most. */
export const STALL_SLOTS = 12;

/**
 * Notices a peer that sends less than it must. Call it once per slot (window / {@link STALL_SLOTS}) with running totals.
 * Slots in which we mostly waited for ourselves (a slow disk, a bandwidth limit) say nothing about the peer and are
 * left out.
 * @param receivedBytes bytes that have come over the link so far
 * @param waitedMs time spent waiting for the peer so far
 * @returns true when the peer was slower than `minimumRate` over a whole window
 */
export type StallWatch = (receivedBytes: number, waitedMs: number) => boolean;

/** @param minimumRate bytes per second */
export function createStallWatch(minimumRate: number, windowMs: number, receivedBytes: number): StallWatch {
  const slotMs = windowMs / STALL_SLOTS;
  const slots: number[] = [];
  let lastBytes = receivedBytes;
  let lastWaited = 0;
  return (bytes, waitedMs) => {
    const [received, waited] = [bytes - lastBytes, waitedMs - lastWaited];
    lastBytes = bytes;
    lastWaited = waitedMs;
    if (waited < slotMs / 2) return false;
    slots.push(received);
    if (slots.length > STALL_SLOTS) slots.shift();
    const total = slots.reduce((sum, value) => sum + value, 0);
    return slots.length === STALL_SLOTS && total < (minimumRate * windowMs) / 1000;
  };
}
