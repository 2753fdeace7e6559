// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { RunRecord } from '@local-backup/common/run-record';
import { listRuns } from '@local-backup/common/run-store';
import type { ServerConfig } from '../config.ts';
import type { Session } from './session.ts';

/** Records that are kept: half a year of daily runs. */
export const KEPT_RECORDS = 200;

/** Where the records of runs are. */
export function recordDirectory(config: ServerConfig): string {
  return join(config.stateDir, 'runs');
}

/** All records of runs that can be read; the others are told in the log. */
export async function recordsOf({ config, log }: Session): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = [];
  for (const stored of await listRuns(recordDirectory(config))) {
    if (stored.record === undefined) log.warn(stored.problem);
    else records.push(stored.record);
  }
  return records;
}
