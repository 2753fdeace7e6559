// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { createToolbox } from '@local-backup/common/program';

/** How the nightly run stands. `missing`: the unit is not installed. */
export type TimerState = 'enabled' | 'disabled' | 'missing' | 'no systemd';

const TIMER = 'local-backup.timer';
const TIMEOUT_MS = 30_000;

/** @param directory that is there while systemd runs (sd_booted(3)) */
export async function timerState(directory: string): Promise<TimerState> {
  if (!existsSync(directory)) return 'no systemd';
  const { run } = createToolbox({ level: 'warn', json: false });
  try {
    // 1: disabled; 4: no such unit, in newer versions.
    const { stdout } = await run('systemctl', ['is-enabled', TIMER], { timeoutMs: TIMEOUT_MS, accept: [0, 1, 4] });
    const word = stdout.trim();
    if (word.startsWith('enabled')) return 'enabled';
    return word === 'disabled' ? 'disabled' : 'missing';
  } catch {
    // systemd does not answer: then it cannot be told to enable anything either.
    return 'no systemd';
  }
}

/**
 * Enables and starts the timer where it can be.
 * @returns whether it is enabled now
 * @throws BackupError `failed` where systemctl does not do it
 */
export async function enableTimer(state: TimerState, print: (text: string) => void): Promise<boolean> {
  if (state === 'no systemd' || state === 'missing') {
    const why = state === 'missing' ? `${TIMER} is not installed` : 'systemd does not run';
    print(`The backup does not run every night: ${why}. Let something else start \`backup-client backup\`.\n`);
    return false;
  }
  const { run } = createToolbox({ level: 'warn', json: false });
  await run('systemctl', ['enable', '--now', TIMER], { timeoutMs: TIMEOUT_MS });
  print(`Enabled: ${TIMER}\n`);
  return true;
}
