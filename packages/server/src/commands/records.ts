// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { RunRecord } from '@local-backup/common/run-record';
import { listRuns, sweepRuns } from '@local-backup/common/run-store';
import type { ServerConfig } from '../config/config.ts';
import { evidenceIds } from '../report/evidence.ts';
import { isFromFuture } from '../report/freshness.ts';
import type { DamagedRun } from '../report/render-runs.ts';
import type { Session } from './session.ts';

/** Records that are kept: half a year of daily runs. */
const KEPT_RECORDS = 200;

/** Where the records of runs are. */
export function recordDirectory(config: Pick<ServerConfig, 'stateDir'>): string {
  return join(config.stateDir, 'runs');
}

/** Whose records, and where they are. */
interface Stored {
  readonly config: Pick<ServerConfig, 'stateDir' | 'hosts' | 'rejectedHosts'>;
}

/** What is in the directory of records, each newest first. */
export interface StoredRecords {
  readonly runs: readonly RunRecord[];
  /** Of a time that has not come yet: a clock was wrong, and whatever they tell is no evidence. */
  readonly future: readonly RunRecord[];
  readonly damaged: readonly DamagedRun[];
}

/** @throws BackupError `failed` where the directory cannot be listed */
export async function storedRecords({ config, now }: Stored & Pick<Session, 'now'>): Promise<StoredRecords> {
  const runs: RunRecord[] = [];
  const future: RunRecord[] = [];
  const damaged: DamagedRun[] = [];
  for (const stored of await listRuns(recordDirectory(config))) {
    if (stored.record === undefined) damaged.push(stored);
    else (isFromFuture(stored.record, now()) ? future : runs).push(stored.record);
  }
  return { runs, future, damaged };
}

/** All records of runs that can be used; the others are told in the log. */
export async function recordsOf(session: Session): Promise<readonly RunRecord[]> {
  return (await toldRecords(session)).runs;
}

/** The records for the past of a run in its mails: without them a mail tells less, but it is sent. */
export async function pastRuns(session: Session): Promise<StoredRecords | undefined> {
  try {
    return await toldRecords(session);
  } catch (error) {
    session.log.error('the records of earlier runs cannot be read, mails are sent without the past', { error });
    return undefined;
  }
}

async function toldRecords(session: Session): Promise<StoredRecords> {
  const stored = await storedRecords(session);
  const problems = [...stored.damaged.map(({ problem }) => problem), ...futureProblems(stored.future, session)];
  for (const problem of problems) session.log.warn(problem);
  return stored;
}

/** That there are records from the future, and what to do about them. */
export function futureProblems(future: readonly RunRecord[], { config }: Stored): readonly string[] {
  const [newest] = future;
  if (newest === undefined) return [];
  const which = `run records from the future do not count: ${future.length}, the newest is ${newest.id}.`;
  return [
    `${which} Check the clock of this server (timedatectl); once it is right, move them out of ${recordDirectory(config)}.`,
  ];
}

/**
 * Removes old records, but none that tells when a host was last backed up, maintained or proven: neither by the clock as
 * it is now nor by one that has jumped.
 */
export async function sweepRecords({ config }: Stored, { runs, future }: StoredRecords): Promise<void> {
  // A typo in the configuration of a host must not make anybody forget how it is.
  const hosts = [...config.hosts, ...config.rejectedHosts].flatMap(({ hostname }) => hostname ?? []);
  const spared = new Set([...evidenceIds(hosts, runs), ...evidenceIds(hosts, [...runs, ...future])]);
  await sweepRuns(recordDirectory(config), KEPT_RECORDS, spared);
}
