// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, describe, expect, it } from 'vitest';
import { InterruptedError } from './errors.ts';
import { abortOnSignals, type SignalWatch } from './signals.ts';

let watch: SignalWatch | undefined;

afterEach(() => watch?.dispose());

/** As if the signal had come; for real ones see the scenarios. */
const receive = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => process.emit(signal, signal);

describe('abortOnSignals', () => {
  it.each([
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGHUP', 'SIGTERM'],
  ] as const)('aborts at %s', (signal, received) => {
    watch = abortOnSignals();
    expect(watch.received()).toBeUndefined();
    receive(signal);
    expect(watch.received()).toBe(received);
    expect(watch.signal.reason).toBeInstanceOf(InterruptedError);
    expect(watch.signal.reason).toHaveProperty('signal', received);
  });

  it('answers repeated signals and keeps to the first', () => {
    const remaining: number[] = [];
    watch = abortOnSignals((number) => remaining.push(number));
    receive('SIGTERM');
    receive('SIGINT');
    receive('SIGINT');
    expect(remaining).toEqual([2, 1]);
    expect(watch.received()).toBe('SIGTERM');
  });

  it('tells the first signal once, before it aborts', () => {
    const told: unknown[] = [];
    watch = abortOnSignals(undefined, (signal) => told.push([signal, watch?.signal.aborted]));
    receive('SIGHUP');
    receive('SIGINT');
    expect(told).toEqual([['SIGTERM', false]]);
  });

  it('takes back its listeners', () => {
    const before = process.listenerCount('SIGTERM');
    abortOnSignals().dispose();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});
