// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { formatBytes } from '@local-backup/common/bytes';
import type { RunRecord } from '@local-backup/common/run-record';
import type { Finding } from '../check-list.ts';
import type { ServerConfig } from '../config/config.ts';
import { lastDrills } from '../report/drills.ts';
import { MAINTENANCE_MAX_AGE_MS } from '../report/host-state.ts';
import { restoreText } from '../report/render-summary.ts';
import { formatTime, humanDuration } from '../report/text.ts';

/** When were the repositories last looked after? Runs that only failed do not count. */
export function maintenanceFinding(runs: readonly RunRecord[], now: Date): Finding {
  const good = runs.filter(({ command, status }) => command === 'maintenance' && /success|warning/.test(status));
  const last = good
    .map(({ started }) => started)
    .sort()
    .at(-1);
  const advice = 'Old snapshots are neither removed nor is anything checked. Do it: backup-server maintenance';
  if (last === undefined) {
    const backups = runs.some(({ command, status }) => command === 'backup' && /success|warning/.test(status));
    return backups ? { warning: `there has been none. ${advice}` } : 'nothing to look after yet';
  }
  const ageMs = now.getTime() - Date.parse(last);
  if (ageMs <= MAINTENANCE_MAX_AGE_MS) return `last done ${formatTime(last)}`;
  return { warning: `last done ${humanDuration(ageMs)} ago. ${advice}` };
}

/** When was a snapshot of a host last restored as a proof? */
export function drillFinding(host: string, runs: readonly RunRecord[], maxAgeMs: number, now: Date): Finding {
  const last = lastDrills(runs).get(host);
  const advice = `Prove it: backup-server drill ${host}`;
  if (last === undefined) {
    const saved = runs.some((run) => run.hosts.some((each) => each.host === host && each.snapshot !== undefined));
    return saved ? { warning: `no snapshot has been restored as a proof yet. ${advice}` } : 'no snapshot yet';
  }
  const ageMs = now.getTime() - Date.parse(last.time);
  const text = `last proof ${formatTime(last.time)}: ${restoreText(last)}`;
  if (ageMs <= maxAgeMs) return text;
  return { warning: `${text}, longer ago than ${humanDuration(maxAgeMs)} (drill.max_age). ${advice}` };
}

/** What the largest of the last archives needs, for as many hosts as are fetched at the same time. In bytes. */
export function neededForFetching(runs: readonly RunRecord[], parallelHosts: number): number {
  const newest = new Map<string, { readonly started: string; readonly bytes: number }>();
  for (const { host, started, archiveBytes: bytes } of runs.flatMap((run) => run.hosts)) {
    if (bytes !== undefined && started > (newest.get(host)?.started ?? '')) newest.set(host, { started, bytes });
  }
  const sizes = [...newest.values()].map(({ bytes }) => bytes).sort((a, b) => b - a);
  return sizes.slice(0, parallelHosts).reduce((sum, bytes) => sum + bytes, 0);
}

/** Is there room for the archives of the next run, if they are as large as the last ones? */
export async function lookAtSpace(config: ServerConfig, runs: readonly RunRecord[]): Promise<Finding> {
  const { localTempBaseDir, parallelHosts } = config;
  const { bavail, bsize } = await statfs(localTempBaseDir);
  const [free, needed] = [bavail * bsize, neededForFetching(runs, parallelHosts)];
  if (needed === 0) return `${formatBytes(free)} free for archives; none has been fetched yet`;
  const text = `${formatBytes(free)} free in ${localTempBaseDir}, the archives of the last runs need ${formatBytes(needed)} at a time`;
  return free >= needed ? text : { failed: `${text}. Make room, or set local_temp_base_dir to a larger disk` };
}
