// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import { processGroupLives } from './process-stat.ts';

/** How long to wait, in milliseconds, for the kernel to take away a group after SIGKILL (a process stuck in IO stays). */
const AFTER_KILL_MS = 5_000;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Groups that this process must not outlive. */
const running = new Set<number>();

/** Why a group was ended before its leader ended by itself. */
export type EndCause =
  | { readonly kind: 'timeout' }
  | { readonly kind: 'request' }
  /** Whoever waits for the program gets this error. */
  | { readonly kind: 'error'; readonly error: unknown };

export interface GroupLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly endSignal?: NodeJS.Signals;
  readonly killAfterMs?: number;
}

/** A process group with a time limit. */
export interface SupervisedGroup {
  /** Begins to end the group; the first cause counts. */
  readonly end: (cause: EndCause) => void;
  readonly cause: () => EndCause | undefined;
  /** Settles when the group had to be ended and this is done; never for one that ends by itself. */
  readonly ended: Promise<void>;
  /** To be called when the leader has ended: waits for an ending that is under way and takes back timer and listener. */
  readonly settle: () => Promise<void>;
}

/**
 * Ends the group that `leader` leads at its time limit, when the signal is aborted, on request, or when this process
 * exits.
 *
 * @param leader pid of a child that was started `detached`
 */
export function superviseGroup(leader: number, limits: GroupLimits): SupervisedGroup {
  let cause: EndCause | undefined;
  let settled = false;
  const ended = deferred();
  const end = (why: EndCause): void => {
    // Once settled the pid may belong to somebody else.
    if (cause !== undefined || settled) return;
    cause = why;
    endProcessGroup(leader, limits.endSignal ?? 'SIGTERM', limits.killAfterMs ?? 10_000).then(
      ended.resolve,
      ended.resolve,
    );
  };
  const onAbort = (): void => end({ kind: 'error', error: limits.signal?.reason });
  const timer = setTimeout(() => end({ kind: 'timeout' }), Math.min(limits.timeoutMs, LONGEST_TIMER_MS));
  limits.signal?.addEventListener('abort', onAbort, { once: true });
  endAtExit(leader);
  return {
    end,
    ended: ended.promise,
    cause: () => cause,
    settle: async () => {
      settled = true;
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
      if (cause !== undefined) await ended.promise;
      running.delete(leader);
    },
  };
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: () => settle?.() };
}

/** Asks every process of the group to end, kills those that have not after `killAfterMs`, and waits until all are gone. */
async function endProcessGroup(leader: number, first: NodeJS.Signals, killAfterMs: number): Promise<void> {
  if (!signalGroup(leader, first)) return;
  if (await isGoneWithin(leader, killAfterMs)) return;
  signalGroup(leader, 'SIGKILL');
  await isGoneWithin(leader, AFTER_KILL_MS);
}

/** False where the group has no member that can be reached. */
function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

async function isGoneWithin(leader: number, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  for (let pause = 5; processGroupLives(leader); pause = Math.min(pause * 2, 200)) {
    if (performance.now() >= deadline) return false;
    await delay(pause);
  }
  return true;
}

function endAtExit(leader: number): void {
  if (running.size === 0 && !process.listeners('exit').includes(killRunning)) process.on('exit', killRunning);
  running.add(leader);
}

function killRunning(): void {
  for (const leader of running) signalGroup(leader, 'SIGKILL');
}
