// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { HostRecord, RunRecord, Suspicion } from '@local-backup/common/run-record';
import { isFuture, isStale } from '../report/freshness.ts';
import { formatTime, humanDuration } from '../report/text.ts';
import type { UpkeepState } from './upkeep-state.ts';

/** What is known of a host beside the snapshots themselves. */
export interface FreezeFacts {
  readonly hostname: string;
  readonly lastCheck: UpkeepState['lastCheck'];
  readonly suspicion: (Suspicion & { readonly since: string }) | undefined;
  /** See `clockProblem`. */
  readonly clock: string | undefined;
  /** Records of all runs, in any order. */
  readonly runs: readonly RunRecord[];
  /** Time of the newest snapshot that was proven whole, ISO. */
  readonly newestProven: string | undefined;
  /** Milliseconds. */
  readonly maxAgeMs: number;
  readonly now: Date;
}

/**
 * Why nothing may be forgotten for a host, whatever its policy says; empty where all is in order. Old snapshots are most
 * worth when something is wrong with the new ones.
 */
export function freezeReasons(facts: FreezeFacts): readonly string[] {
  return [checkReason(facts), suspicionReason(facts), facts.clock, backupReason(facts), ageReason(facts)].filter(
    (reason) => reason !== undefined,
  );
}

function checkReason({ lastCheck, hostname }: FreezeFacts): string | undefined {
  if (lastCheck === undefined || lastCheck.ok) return undefined;
  return `The repository was found damaged on ${formatTime(lastCheck.time)} and has not passed a check since. See: backup-server maintenance ${hostname} --dry-run`;
}

function suspicionReason({ suspicion, hostname }: FreezeFacts): string | undefined {
  if (suspicion === undefined) return undefined;
  const more = suspicion.evidence.length > 1 ? ` (and ${suspicion.evidence.length - 1} more)` : '';
  return `The host is marked suspicious since ${formatTime(suspicion.since)}: ${suspicion.evidence[0] ?? 'no evidence is given'}${more}. When somebody has looked at it: backup-server release ${hostname}`;
}

/** Hosts that were not begun say nothing about themselves. */
const NOT_BEGUN = 'INTERRUPTED';
/** What the host has made is stored already, by an earlier run. */
const DUPLICATE = 'SKIPPED_DUPLICATE';

function backupReason({ runs, hostname, now }: FreezeFacts): string | undefined {
  const records = runs
    .filter(({ program, command }) => program === 'backup-server' && command === 'backup')
    // One that a wrong clock has dated would stay the last one until its time has come, and hide what fails since.
    .filter(({ started }) => !isFuture(started, now))
    .sort((a, b) => (a.started < b.started ? 1 : -1))
    .flatMap(({ hosts }) => hosts.filter(({ host, skipped }) => host === hostname && skipped !== NOT_BEGUN));
  const [last] = records;
  const next = `See: backup-server status; backup-server backup ${hostname}`;
  if (last === undefined) return `No backup of the host is on record. ${next}`;
  const stored = last.skipped === DUPLICATE ? records.find(isWhole) : last;
  const problem = stored === undefined ? undefined : backupProblem(stored);
  return problem === undefined
    ? undefined
    : `The last backup of the host, on ${formatTime(last.started)}, ${problem}. ${next}`;
}

function isWhole({ snapshot, incomplete }: HostRecord): boolean {
  return snapshot !== undefined && incomplete !== true;
}

/** A service that fails for months would otherwise be gone from all snapshots that are left. */
function backupProblem(record: HostRecord): string | undefined {
  if (record.incomplete === true) return 'left a snapshot that is not whole';
  if (!isWhole(record)) return `stored nothing (${record.skipped ?? 'failed'})`;
  const failed = record.services.filter(({ status }) => status === 'failed').map(({ type, name }) => `${type}/${name}`);
  if (failed.length === 0) return undefined;
  const more = failed.length > SERVICES_NAMED ? ', ...' : '';
  return `lacks services that failed on the client: ${showControls(failed.slice(0, SERVICES_NAMED).join(', '))}${more}`;
}

const SERVICES_NAMED = 5;

function ageReason({ newestProven, maxAgeMs, now, hostname }: FreezeFacts): string | undefined {
  if (!isStale(newestProven, maxAgeMs, now)) return undefined;
  const allowed = `at most ${humanDuration(maxAgeMs)} is allowed (max_age)`;
  if (newestProven === undefined)
    return `No snapshot of the host was proven whole. See: backup-server snapshots ${hostname}`;
  return `The newest snapshot that was proven whole is of ${formatTime(newestProven)}, ${allowed}. See: backup-server status`;
}
