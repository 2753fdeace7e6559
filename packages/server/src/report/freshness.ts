// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { endOfHost, hostRunsOf } from './history.ts';

/** How fresh the newest good snapshot of a host is. Ages in milliseconds. */
export interface Freshness {
  readonly host: string;
  /** `failed`: too old, or never; else how the host's last run went, `failed` where it never had one. */
  readonly status: Status;
  /** When a snapshot was last stored, by the server's clock (ISO); undefined: never. */
  readonly lastSuccess: string | undefined;
  readonly ageMs: number | undefined;
  readonly maxAgeMs: number;
  /** Of the last run that looked at the host. */
  readonly lastStatus: Status | undefined;
  readonly snapshot: string | undefined;
  readonly stale: boolean;
}

/** The parts of a host that freshness needs. */
export interface Expectation {
  readonly hostname: string;
  readonly maxAgeMs: number;
}

/** A snapshot may seem this much younger than now while clocks are being adjusted. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** A time that has not come yet is no evidence: a clock was wrong, and a host must not stay fresh for it. */
export function isFuture(time: string, now: Date): boolean {
  return new Date(time).getTime() - now.getTime() > CLOCK_TOLERANCE_MS;
}

/** A record of such a time; nothing rests on one, in whatever it tells. */
export function isFromFuture({ started, ended = started, hosts }: RunRecord, now: Date): boolean {
  return [started, ended, ...hosts.map((host) => host.started)].some((time) => isFuture(time, now));
}

/** Is the newest snapshot too old? Never stored is too old; a time in the future is as well: the clock jumped. */
export function isStale(lastSuccess: string | undefined, maxAgeMs: number, now: Date): boolean {
  if (lastSuccess === undefined) return true;
  const age = now.getTime() - new Date(lastSuccess).getTime();
  return !(age >= -CLOCK_TOLERANCE_MS && age <= maxAgeMs);
}

/**
 * Freshness of each host out of the records of runs. Only a record that names a whole snapshot is evidence of success;
 * `incomplete` ones are not.
 *
 * @param runs in any order, without those from the future
 */
export function freshnessOf(
  hosts: readonly Expectation[],
  runs: readonly RunRecord[],
  now: Date,
): readonly Freshness[] {
  return hosts.map(({ hostname, maxAgeMs }) => {
    const records = hostRunsOf('backup', hostname, runs).map(({ record }) => record);
    const stored = records.find((host) => host.snapshot !== undefined && host.incomplete !== true);
    const lastSuccess = stored && endOfHost(stored);
    const stale = isStale(lastSuccess, maxAgeMs, now);
    const lastStatus = records[0]?.status;
    return {
      host: hostname,
      status: stale ? 'failed' : (lastStatus ?? 'failed'),
      lastSuccess,
      ageMs: lastSuccess === undefined ? undefined : now.getTime() - new Date(lastSuccess).getTime(),
      maxAgeMs,
      lastStatus,
      snapshot: stored?.snapshot,
      stale,
    };
  });
}
