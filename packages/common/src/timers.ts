// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import type { Run } from './exec.ts';

/** Only where systemd is the init of this machine: `sd_booted(3)`. */
export const SYSTEMD_RUNS = '/run/systemd/system';

const ASK_MS = 30_000;

/**
 * Whether the timers that start this program at night are enabled and running.
 * @returns a sentence where all is well, or one that is a warning: backups may be started by something else, cron for example
 */
export async function lookAtTimers(
  timers: readonly string[],
  io: TimerIo,
): Promise<string | { readonly warning: string }> {
  const idle = await idleTimers(timers, io);
  if (idle === undefined) return 'systemd is not at work on this machine; see that something else starts the runs';
  if (idle.length === 0) return `${timers.join(', ')} enabled and waiting`;
  return {
    warning: `not enabled, so that nothing starts on its own: ${idle.join(', ')}. If nothing else does it: systemctl enable --now ${idle.join(' ')}`,
  };
}

/** What looking at timers takes. */
export interface TimerIo {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Is there while systemd runs; another path in tests. */
  readonly booted?: string;
}

/**
 * The timers that are not enabled, or enabled but not waiting.
 * @returns undefined where systemd is not the init of this machine
 * @throws BackupError `failed` where systemctl cannot be run
 */
export async function idleTimers(
  timers: readonly string[],
  { run, signal, booted = SYSTEMD_RUNS }: TimerIo,
): Promise<readonly string[] | undefined> {
  if (!existsSync(booted)) return undefined;
  // Exit codes tell the worst of all answers; the lines are one for each timer.
  const accept = [0, 1, 2, 3, 4];
  const ask = async (verb: string) => {
    const { stdout } = await run('systemctl', [verb, '--', ...timers], { timeoutMs: ASK_MS, signal, accept });
    return stdout.trim().split('\n');
  };
  const [enabled, active] = [await ask('is-enabled'), await ask('is-active')];
  // A unit that is not there has no line of its own in older versions, so that lines could not be told apart.
  const isComplete = enabled.length === timers.length && active.length === timers.length;
  return timers.filter((_, index) => !isComplete || enabled[index] !== 'enabled' || active[index] !== 'active');
}
