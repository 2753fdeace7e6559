// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';

/** How a host fared in one run. */
export interface HostRun {
  readonly run: RunRecord;
  readonly record: HostRecord;
}

/** How many runs a trend shows. */
export const TREND_LENGTH = 14;

/** A host whose turn never came because the run was ended: that says nothing about the host. */
const NOT_BEGUN = 'INTERRUPTED';

/** The runs of one command, newest first. */
export function runsOf(command: string, runs: readonly RunRecord[]): readonly RunRecord[] {
  return runs
    .filter((run) => run.program === 'backup-server' && run.command === command)
    .sort((a, b) => (a.started < b.started ? 1 : -1));
}

/** The runs of one command in which a host had its turn, newest first. */
export function hostRunsOf(command: string, host: string, runs: readonly RunRecord[]): readonly HostRun[] {
  return runsOf(command, runs).flatMap((run) =>
    run.hosts
      .filter((record) => record.host === host && record.skipped !== NOT_BEGUN)
      .map((record) => ({ run, record })),
  );
}

/** The newest run in which something was done for the host: it need not have had its turn when there was no time left. */
export function lastDone(command: string, host: string, runs: readonly RunRecord[]): HostRun | undefined {
  return hostRunsOf(command, host, runs).find(({ record }) => record.status !== 'skipped');
}

/** Reasons why a check came to no result: these say nothing about the repository. */
const NOT_CHECKED: ReadonlySet<string> = new Set(['interrupted', 'terminated', 'locked']);

/** The newest check of a host's repository that came to a result: maintenances after it may not have got so far. */
export function lastCheck(
  host: string,
  runs: readonly RunRecord[],
): { readonly run: RunRecord; readonly step: StepRecord } | undefined {
  // With a message, one that went well says that it was left out.
  const isResult = ({ name, status, message, code = '' }: StepRecord) =>
    name.startsWith('check') && !NOT_CHECKED.has(code) && (status === 'failed' || message === undefined);
  return hostRunsOf('maintenance', host, runs).flatMap(({ run, record }) => {
    const step = record.steps.filter(isResult).at(-1);
    return step === undefined ? [] : [{ run, step }];
  })[0];
}

/** When a host was first stored (ISO), as far as is known. */
export function firstSuccess(host: string, runs: readonly RunRecord[]): string | undefined {
  const stored = hostRunsOf('backup', host, runs).filter(({ record }) => record.snapshot !== undefined);
  return stored.at(-1)?.record.started;
}

/** How the last backups of a host went, oldest first. */
export function trendOf(host: string, runs: readonly RunRecord[]): readonly Status[] {
  return hostRunsOf('backup', host, runs)
    .slice(0, TREND_LENGTH)
    .map(({ record }) => record.status)
    .reverse();
}

/** What the repository of a host occupies, in bytes, as the last maintenance that measured it has found. */
export function repositoryBytesOf(host: string, runs: readonly RunRecord[]): number | undefined {
  return hostRunsOf('maintenance', host, runs).find(({ record }) => record.upkeep?.bytes !== undefined)?.record.upkeep
    ?.bytes;
}

/** When the turn of a host was over (ISO). */
export function endOfHost({ started, seconds }: Pick<HostRecord, 'started' | 'seconds'>): string {
  return new Date(new Date(started).getTime() + seconds * 1000).toISOString();
}
