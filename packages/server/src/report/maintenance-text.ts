// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { ForgetPlan } from '../maintenance/plan-forget.ts';
import type { Judged, RepositoryLock } from '../stores/upkeep.ts';
import { formatTime, humanDuration } from './text.ts';

/** A lock that nobody but its owner, or a person, may remove. */
export function lockText(lock: RepositoryLock, hostname: string, now: Date): string {
  const owner = `process ${lock.pid} of ${showControls(lock.username)} on ${showControls(lock.hostname)}`;
  const age = now.getTime() - new Date(lock.time).getTime();
  const since = `${formatTime(lock.time)}${age > 0 ? ` (${humanDuration(age)} ago)` : ''}`;
  const kind = lock.exclusive ? 'exclusively' : 'against changes';
  return (
    `${owner} has locked the repository of ${hostname} ${kind} since ${since}. If that process is at work, wait until it ` +
    'has ended. If there is no such process on that machine any more: docs/guide/locks-and-damage.md tells how to remove the lock.'
  );
}

/** Snapshots of a dry run that are named; the command named below shows all. */
const MOST_NAMED = 50;

/** What a run would forget. */
export function plannedText({ keep, forget }: ForgetPlan, hostname: string): string {
  const all = `"backup-server forget ${hostname} --dry-run" tells why each of the others is kept`;
  if (forget.length === 0) return `would forget nothing; ${all}`;
  const named = forget.slice(0, MOST_NAMED).map((snapshot) => `  ${snapshotText(snapshot)}`);
  const more = forget.length > MOST_NAMED ? [`  ... and ${forget.length - MOST_NAMED} more`] : [];
  const head = `would forget ${forget.length} of ${keep.length + forget.length} snapshots; ${all}:`;
  return [head, ...named, ...more].join('\n');
}

/** `ab12cd34 of 2026-11-21 04:00:00 UTC`. */
function snapshotText({ id, time }: Judged): string {
  return `${id.slice(0, 8)} of ${formatTime(time)}`;
}

/** Why nothing was forgotten. */
export function refusalText({ refused, letGo }: ForgetPlan): string {
  const what = letGo === 0 ? '' : `, though the policy lets ${letGo} snapshots go`;
  const [only] = refused;
  if (refused.length === 1) return `Nothing is forgotten${what}: ${only}`;
  return [`Nothing is forgotten${what}:`, ...refused.map((reason) => `- ${reason}`)].join('\n');
}
