// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { createFlow, createPacer, PIECE_BYTES } from './flow.ts';
import { createStallWatch, STALL_SLOTS } from './stall.ts';

describe('createFlow', () => {
  test('asks for up to 16 large pieces ahead once answers are prompt', () => {
    const flow = createFlow();
    expect(flow.pieceBytes()).toBe(64 * 1024);
    for (let i = 0; i < 100; i++) flow.answered(20);
    expect(flow.pieceBytes()).toBe(PIECE_BYTES);
    expect(flow.mayAsk(15 * PIECE_BYTES)).toBe(true);
    expect(flow.mayAsk(15 * PIECE_BYTES + 1)).toBe(false);
  });

  test('goes down to small pieces, two at a time, on a slow line, and comes back', () => {
    const flow = createFlow();
    for (let i = 0; i < 20; i++) flow.answered(5_000);
    expect(flow.pieceBytes()).toBe(8 * 1024);
    expect(flow.mayAsk(8 * 1024)).toBe(true);
    expect(flow.mayAsk(16 * 1024)).toBe(false);
    for (let i = 0; i < 100; i++) flow.answered(20);
    expect(flow.pieceBytes()).toBe(PIECE_BYTES);
  });

  test('stays as it is between prompt and late', () => {
    const flow = createFlow();
    for (let i = 0; i < 20; i++) flow.answered(2_000);
    expect(flow.pieceBytes()).toBe(64 * 1024);
  });

  test('asks for no more than one second of the bandwidth', () => {
    const flow = createFlow(200_000);
    for (let i = 0; i < 100; i++) flow.answered(20);
    expect(flow.mayAsk(100_000)).toBe(true);
    expect(flow.mayAsk(100_001)).toBe(false);
  });

  test('always lets one piece be asked for', () => {
    expect(createFlow(1).mayAsk(0)).toBe(true);
  });
});

describe('createPacer', () => {
  test('spreads bytes evenly and saves nothing up while idle', () => {
    const pace = createPacer(1_000);
    expect(pace(500, 0)).toBe(0);
    expect(pace(500, 0)).toBe(500);
    expect(pace(500, 400)).toBe(600);
    expect(pace(500, 60_000)).toBe(0);
    expect(pace(500, 60_000)).toBe(500);
  });

  test('never waits without a limit', () => {
    const pace = createPacer(Number.POSITIVE_INFINITY);
    expect(pace(1e12, 0)).toBe(0);
    expect(pace(1e12, 0)).toBe(0);
  });
});

describe('createStallWatch, 100 bytes per second over 60 s', () => {
  const SLOT_MS = 5_000;

  /** Feeds the bytes of each slot; true as soon as the watch calls it a stall, with the slot's number. */
  function stallAt(slots: readonly number[], waitedShare = 1): number | undefined {
    const watch = createStallWatch(100, 60_000, 1_000);
    let bytes = 1_000;
    for (const [index, more] of slots.entries()) {
      bytes += more;
      if (watch(bytes, (index + 1) * SLOT_MS * waitedShare)) return index + 1;
    }
    return undefined;
  }

  test('notices silence after one window', () => {
    expect(stallAt(Array(30).fill(0))).toBe(STALL_SLOTS);
  });

  test('notices a peer that stops after having been fast one window after its last burst', () => {
    expect(stallAt([1e6, 1e6, 1e6, ...Array(30).fill(0)])).toBe(3 + STALL_SLOTS);
  });

  test('tells one byte too few from enough', () => {
    expect(stallAt(Array(30).fill(500))).toBeUndefined();
    expect(stallAt(Array(30).fill(499))).toBe(STALL_SLOTS);
  });

  test('forgives a pause that is shorter than the window', () => {
    expect(stallAt([1e6, ...Array(11).fill(0), 1e6, ...Array(11).fill(0), 1e6])).toBeUndefined();
  });

  test('does not blame the peer while we mostly wait for ourselves', () => {
    expect(stallAt(Array(100).fill(0), 0.4)).toBeUndefined();
  });
});
