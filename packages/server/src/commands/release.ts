// SPDX-License-Identifier: AGPL-3.0-or-later
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import { comparison } from '../anomaly/anomaly.ts';
import { createBaselineFiles } from '../anomaly/baseline.ts';
import { clearSuspicion, type Mark, readSuspicion } from '../anomaly/suspicion-file.ts';
import { acceptClock, watchClock } from '../maintenance/clock-watch.ts';
import { formatTime, labelled } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { isConfirmed } from './ask.ts';
import type { Session } from './session.ts';

export interface ReleaseOptions {
  /** Somebody has looked already; nobody is asked. */
  readonly yes?: boolean;
  /** Believe the clock of this server again. */
  readonly clock?: boolean;
}

/** What became of one host. */
interface Released {
  readonly host: string;
  readonly suspicious: boolean;
  readonly released: boolean;
}

/**
 * `backup-server release HOST...`: shows why a host is suspicious and, when somebody says so, lets things be forgotten for
 * it again; what it is like now counts as usual from then on. With `--clock`, the same for the clock of this server.
 * @returns 1 where something was left as it is
 */
export async function release(
  session: Session,
  names: readonly string[],
  { yes = false, clock = false }: ReleaseOptions,
): Promise<number> {
  const { config, json, print } = session;
  if (names.length === 0 && !clock) throw new BackupError('usage', await whatThereIs(session));
  const { hosts, rejectedHosts } = names.length === 0 ? { hosts: [], rejectedHosts: [] } : selectHosts(config, names);
  const chosen = [...hosts, ...rejectedHosts].flatMap(({ hostname }) => hostname ?? []);
  const results: Released[] = [];
  for (const host of chosen) results.push(await releaseHost(host, session, yes));
  const isBelieved = clock ? await releaseClock(session, yes) : true;
  if (json) print(JSON.stringify({ hosts: results, ...(clock ? { clock: isBelieved } : {}) }));
  return isBelieved && results.every(({ suspicious, released }) => released || !suspicious) ? 0 : 1;
}

async function whatThereIs({ config }: Session): Promise<string> {
  const suspicious: string[] = [];
  for (const { hostname } of [...config.hosts, ...config.rejectedHosts]) {
    if (hostname !== undefined && (await describeMark(hostname, config.stateDir)) !== undefined)
      suspicious.push(hostname);
  }
  const found = suspicious.length === 0 ? 'No host is suspicious' : `Suspicious: ${suspicious.join(', ')}`;
  return `Name the hosts to release, or say --clock. ${found}.`;
}

async function releaseHost(host: string, session: Session, yes: boolean): Promise<Released> {
  const { config, json, log, now } = session;
  const print = json ? () => undefined : session.print;
  const shown = await describeMark(host, config.stateDir);
  if (shown === undefined) {
    print(`${host} is not suspicious.`);
    return { host, suspicious: false, released: false };
  }
  for (const line of shown) print(line);
  if (!(await isConfirmed(`Release ${host}`, session, yes))) {
    print(`${host} is left as it is: nothing is forgotten for it.`);
    return { host, suspicious: true, released: false };
  }
  requireUnchanged(host, shown, await describeMark(host, config.stateDir));
  // At once: what a run finds between the look and this would be lost.
  await clearSuspicion(config.stateDir, host);
  await createBaselineFiles(config.stateDir, host)
    .release()
    .catch((error: unknown) => log.warn('what is usual for this host is learned anew', { host, error }));
  const by = showControls(process.env.SUDO_USER ?? process.env.LOGNAME ?? 'root');
  log.info(`released by ${by}`, { host });
  const note = `${now().toISOString()} ${host} released by ${by}: ${shown.slice(1).join(' ').replace(/\s+/g, ' ')}\n`;
  await appendFile(join(config.stateDir, 'suspicious', 'released.log'), note, { mode: 0o600 });
  print(`${host} is released: the policy decides again what is forgotten, and what it is like now counts as usual.`);
  return { host, suspicious: true, released: true };
}

/** Lines about a mark, a damaged one too; undefined where there is none. */
async function describeMark(host: string, stateDirectory: string): Promise<readonly string[] | undefined> {
  try {
    const mark = await readSuspicion(stateDirectory, host);
    return mark === undefined ? undefined : markLines(host, mark);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return labelled('', describeError(error));
  }
}

function markLines(host: string, mark: Mark): readonly string[] {
  return [
    `${host} is suspicious since ${formatTime(mark.since)}:`,
    ...mark.evidence.flatMap((line) => labelled('  - ', line)),
    ...comparison(host, mark).map((line) => `  ${line}`),
  ];
}

/** A run may have found more while somebody was reading. */
function requireUnchanged(host: string, shown: readonly string[], now: readonly string[] | undefined): void {
  if (now === undefined || now.join('\n') === shown.join('\n')) return;
  throw new BackupError('failed', `More was found about ${host} meanwhile. Look again: backup-server release ${host}`);
}

async function releaseClock(session: Session, yes: boolean): Promise<boolean> {
  const { config, json, log, now } = session;
  const print = json ? () => undefined : session.print;
  const { maxClockJumpMs } = config.restic.maintenance;
  const problem = await watchClock(config.stateDir, now(), maxClockJumpMs, { dryRun: true }).catch(describeError);
  if (problem === undefined) {
    print('The clock of this server is believed.');
    return true;
  }
  for (const line of labelled('', problem)) print(line);
  if (!(await isConfirmed(`Believe that it is ${formatTime(now().toISOString())}`, session, yes))) return false;
  await acceptClock(config.stateDir, now());
  log.info('the clock of this server is believed again');
  print('The clock is believed from now on.');
  return true;
}
