// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { RunRecord } from '@local-backup/common/run-record';
import { listRuns, sweepRuns } from '@local-backup/common/run-store';
import type { ServerConfig } from '../config/config.ts';
import { evidenceIds } from '../report/evidence.ts';
import type { DamagedRun } from '../report/render-runs.ts';
import type { Session } from './session.ts';

/** Records that are kept: half a year of daily runs. */
const KEPT_RECORDS = 200;

/** Where the records of runs are. */
export function recordDirectory(config: ServerConfig): string {
  return join(config.stateDir, 'runs');
}

/** What is in the directory of records, newest first. @throws BackupError `failed` where it cannot be listed */
export async function storedRecords({ config }: Pick<Session, 'config'>): Promise<{
  readonly runs: readonly RunRecord[];
  readonly damaged: readonly DamagedRun[];
}> {
  const runs: RunRecord[] = [];
  const damaged: DamagedRun[] = [];
  for (const stored of await listRuns(recordDirectory(config))) {
    if (stored.record === undefined) damaged.push(stored);
    else runs.push(stored.record);
  }
  return { runs, damaged };
}

/** All records of runs that can be read; the others are told in the log. */
export async function recordsOf(session: Session): Promise<readonly RunRecord[]> {
  const { runs, damaged } = await storedRecords(session);
  for (const { problem } of damaged) session.log.warn(problem);
  return runs;
}

/** The records for the past of a run in its mails: without them a mail tells less, but it is sent. */
export async function pastRuns(session: Session): Promise<readonly RunRecord[]> {
  try {
    return await recordsOf(session);
  } catch (error) {
    session.log.error('the records of earlier runs cannot be read, mails are sent without the past', { error });
    return [];
  }
}

/** Removes old records, but none that tells when a host was last backed up, maintained or proven. */
export async function sweepRecords({ config }: Session, history: readonly RunRecord[]): Promise<void> {
  const hosts = config.hosts.map(({ hostname }) => hostname);
  await sweepRuns(recordDirectory(config), KEPT_RECORDS, evidenceIds(hosts, history));
}
