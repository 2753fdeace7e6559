// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { backupHosts, type HostsPlan } from './backup-hosts.ts';
import { type RecordedRun, recordRun } from './record-run.ts';

/** The hosts and how to go through them, and where the record of the run goes. */
export interface BackupRun extends Omit<HostsPlan, 'onRecord'>, RecordedRun {}

/** Backs up the hosts and resolves with the finished record, see {@link recordRun}. */
export function runBackup(run: BackupRun): Promise<RunRecord> {
  return recordRun(run, (onRecord) => backupHosts({ ...run, onRecord }));
}
