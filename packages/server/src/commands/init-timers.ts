// SPDX-License-Identifier: AGPL-3.0-or-later
import { idleTimers, SYSTEMD_RUNS } from '@local-backup/common/timers';
import { isConfirmed } from './ask.ts';
import type { Session } from './session.ts';

/** What has to happen on its own: every night, every week, every week. */
export const SERVER_TIMERS: readonly string[] = [
  'backup-server.timer',
  'restic-maintenance.timer',
  'backup-drill.timer',
];

const TIMEOUT_MS = 60_000;

/** What `offerTimers` needs of a session. */
type Asking = Pick<Session, 'run' | 'signal' | 'print' | 'json'>;

/**
 * Enables the timers that nobody has enabled: where that was asked for, or somebody says so on the terminal; else tells how.
 *
 * @param wanted `--enable-timers` was given; a terminal is asked only where it is undefined
 * @param canAsk whether somebody sits there who can answer
 * @param booted is there while systemd runs (sd_booted(3))
 * @throws BackupError `failed` where systemctl does not do it
 */
export async function offerTimers(
  session: Asking,
  wanted: boolean | undefined,
  canAsk: boolean,
  booted = SYSTEMD_RUNS,
): Promise<void> {
  const { run, signal, print, json } = session;
  const idle = await idleTimers(SERVER_TIMERS, { run, signal, booted });
  if (idle === undefined) {
    print('Nothing starts on its own: systemd does not run here. Let something else start `backup-server backup`,');
    print('`backup-server maintenance` and `backup-server drill`.');
    return;
  }
  if (idle.length === 0) return print(`timers: ${SERVER_TIMERS.join(', ')} are enabled`);
  const question = `Fetch every night, maintain and drill every week from now on (${idle.join(', ')})`;
  // With --json nobody is asked.
  const isWanted = wanted ?? (canAsk && !json && (await isConfirmed(question, session, false)));
  if (!isWanted)
    return print(
      `Nothing starts on its own yet. When \`backup-server check\` finds nothing wrong: systemctl enable --now ${idle.join(' ')}`,
    );
  await run('systemctl', ['enable', '--now', '--', ...idle], { timeoutMs: TIMEOUT_MS, signal });
  print(`timers: enabled ${idle.join(', ')}`);
}
