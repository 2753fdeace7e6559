// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import type { Run } from './exec.ts';

/** Only where systemd is the init of this machine: `sd_booted(3)`. */
const BOOTED = '/run/systemd/system';

const ASK_MS = 30_000;

/**
 * Whether the timers that start this program at night are enabled and running.
 * @returns a sentence where all is well, or one that is a warning: backups may be started by something else, cron for example
 */
export async function lookAtTimers(
  timers: readonly string[],
  { run, signal, booted = BOOTED }: { readonly run: Run; readonly signal: AbortSignal; readonly booted?: string },
): Promise<string | { readonly warning: string }> {
  if (!existsSync(booted)) return 'systemd is not at work on this machine; see that something else starts the runs';
  // Exit codes tell the worst of all answers; the lines are one for each timer.
  const accept = [0, 1, 2, 3, 4];
  const ask = async (verb: string) => {
    const { stdout } = await run('systemctl', [verb, '--', ...timers], { timeoutMs: ASK_MS, signal, accept });
    return stdout.trim().split('\n');
  };
  const [enabled, active] = [await ask('is-enabled'), await ask('is-active')];
  // A unit that is not there has no line of its own in older versions, so that lines could not be told apart.
  const isComplete = enabled.length === timers.length && active.length === timers.length;
  const idle = timers.filter((_, index) => !isComplete || enabled[index] !== 'enabled' || active[index] !== 'active');
  if (idle.length === 0) return `${timers.join(', ')} enabled and waiting`;
  return {
    warning: `not enabled, so that nothing starts on its own: ${idle.join(', ')}. If nothing else does it: systemctl enable --now ${idle.join(' ')}`,
  };
}
