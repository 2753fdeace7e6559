// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { lastDrills } from './drills.ts';
import { hostRunsOf, lastCheck, lastDone } from './history.ts';

/**
 * Ids of the records that `status` and the mails rest on, however old they are: where backups run every hour, 200 records
 * are a week, and a host whose last good backup or drill is older would seem never to have had one. Pure.
 *
 * @param hosts that are in the configuration: of others nothing has to be known
 */
export function evidenceIds(hosts: readonly string[], runs: readonly RunRecord[]): ReadonlySet<string> {
  return new Set(hosts.flatMap((host) => ofHost(host, runs)).map(({ id }) => id));
}

function ofHost(host: string, runs: readonly RunRecord[]): readonly RunRecord[] {
  const backups = hostRunsOf('backup', host, runs);
  const good = backups.filter(({ record }) => record.snapshot !== undefined && record.incomplete !== true);
  const maintenances = hostRunsOf('maintenance', host, runs);
  const drills = hostRunsOf('drill', host, runs);
  const drilled = lastDrills(runs).get(host)?.time;
  const kept: readonly ({ readonly run: RunRecord } | undefined)[] = [
    // Where others are backed up much more often, a failure must not be swept away before its host has its next turn.
    backups[0],
    good[0],
    // Since when the host is there, for its first drill.
    good.at(-1),
    backups.find(({ record }) => record.copies !== undefined),
    lastDone('maintenance', host, runs),
    lastCheck(host, runs),
    maintenances.find(({ record }) => record.upkeep?.bytes !== undefined),
    lastDone('drill', host, runs),
    drills.find(({ record }) => record.started === drilled),
  ];
  return kept.flatMap((one) => one?.run ?? []);
}
