// SPDX-License-Identifier: AGPL-3.0-or-later
import { InterruptedError } from './errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type EndingSignal = (typeof SIGNALS)[number];

/** So many signals after the first one are a demand that is obeyed at once, whatever is left undone. */
const PATIENCE = 3;

/** When the first signal came, by `performance.now()`. Of the process, as signals are. */
let firstSignal: number | undefined;

/** Milliseconds since the process was asked to end; undefined as long as it was not, or where nothing waits for signals. */
export function endingFor(): number | undefined {
  return firstSignal === undefined ? undefined : performance.now() - firstSignal;
}

export interface SignalWatch {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, with an {@link InterruptedError} as its reason. */
  readonly signal: AbortSignal;
  /** The signal that came; a closed terminal (SIGHUP) counts as SIGTERM. */
  readonly received: () => 'SIGINT' | 'SIGTERM' | undefined;
  /** Gives the signals back their usual meaning. */
  readonly dispose: () => void;
}

/**
 * Turns signals into the end of a run that puts everything back first. A repeated signal changes nothing but is
 * answered; the third one after the first ends the process without further ado, as the signal itself would have.
 *
 * @param onImpatience called for repeated signals, with the number of further ones that end the process at once
 * @param onFirst called for the first signal, before the run is aborted: to tell that it was heard
 */
export function abortOnSignals(
  onImpatience?: (remaining: number) => void,
  onFirst?: (signal: 'SIGINT' | 'SIGTERM') => void,
): SignalWatch {
  const controller = new AbortController();
  let received: 'SIGINT' | 'SIGTERM' | undefined;
  let repeated = 0;
  const onSignal = (signal: EndingSignal): void => {
    if (received === undefined) {
      received = signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
      firstSignal ??= performance.now();
      onFirst?.(received);
      controller.abort(new InterruptedError(received));
      return;
    }
    repeated += 1;
    if (repeated < PATIENCE) {
      onImpatience?.(PATIENCE - repeated);
      return;
    }
    dispose();
    process.kill(process.pid, signal);
  };
  const dispose = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return { signal: controller.signal, received: () => received, dispose };
}
