// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DrillRecord, RunRecord } from '@local-backup/common/run-record';
import { firstSuccess } from './history.ts';
import { formatCount } from './text.ts';

/** The last drill of a host that proved a snapshot good. */
export interface LastDrill {
  /** When it began, by the server's clock, ISO. */
  readonly time: string;
  /** What was restored, and how long the restore took, without the comparison. */
  readonly bytes: number;
  readonly seconds: number;
  readonly snapshot: string;
  /** Services that it has also loaded, and those that it could not look at; missing: it went as far as files. */
  readonly services?: LoadedServices;
}

/** How the services of a drill fared, in numbers. */
export interface LoadedServices {
  readonly proven: number;
  readonly failed: number;
  readonly unseen: number;
}

/** Undefined for a drill at level `files`. */
export function loadedServices({ loaded }: DrillRecord): LoadedServices | undefined {
  return loaded && { proven: loaded.proven, failed: loaded.failed, unseen: loaded.unseenCount };
}

/** `3 proven, 1 FAILED, 2 not looked at` */
export function servicesText({ proven, failed, unseen }: LoadedServices): string {
  const parts = [
    `${formatCount(proven)} proven`,
    ...(failed > 0 ? [`${formatCount(failed)} FAILED`] : []),
    ...(unseen > 0 ? [`${formatCount(unseen)} not looked at`] : []),
  ];
  return parts.join(', ');
}

/**
 * The last successful drill of every host that ever had one, out of the records of runs in any order. One with warnings
 * counts: what was restored is what had been saved.
 */
export function lastDrills(runs: readonly RunRecord[]): ReadonlyMap<string, LastDrill> {
  const last = new Map<string, LastDrill>();
  for (const { host, status, started, drill } of runs.flatMap((run) => run.hosts)) {
    if (drill === undefined || (status !== 'success' && status !== 'warning')) continue;
    const known = last.get(host);
    if (known !== undefined && Date.parse(known.time) >= Date.parse(started)) continue;
    const services = loadedServices(drill);
    const facts = { time: started, bytes: drill.bytes, seconds: drill.restoreSeconds, snapshot: drill.snapshot };
    last.set(host, services === undefined ? facts : { ...facts, services });
  }
  return last;
}

/**
 * Since when a host waits for its next proof: since the last one, else since it was first stored, so that a host that is
 * new has as much time as there is between two. Undefined where there is nothing to prove.
 */
export function unprovenSince(
  host: string,
  runs: readonly RunRecord[],
  last: LastDrill | undefined,
): string | undefined {
  return last?.time ?? firstSuccess(host, runs);
}

/** The hosts that have waited for a proof longer than this many milliseconds. */
export function overdueDrills(
  hosts: readonly string[],
  runs: readonly RunRecord[],
  maxAgeMs: number,
  now: Date,
): ReadonlySet<string> {
  const last = lastDrills(runs);
  const isOverdue = (host: string) => {
    const since = unprovenSince(host, runs, last.get(host));
    return since !== undefined && now.getTime() - Date.parse(since) > maxAgeMs;
  };
  return new Set(hosts.filter(isOverdue));
}
