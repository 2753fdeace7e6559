// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { RunRecord } from '@local-backup/common/run-record';
import { renderAnyRun } from '../report/render-any-run.ts';
import { damagedLines, listedRun, renderRuns } from '../report/render-runs.ts';
import { chooseRuns, filterRuns, type RunFilter } from '../report/select-runs.ts';
import { storedRecords } from './records.ts';
import type { Session } from './session.ts';

/** As on the command line. */
export interface RunsOptions {
  readonly host?: string;
  readonly command?: string;
  readonly hours?: string;
  readonly count?: string;
}

/** Runs that a list shows unless another count or a time is asked for. */
const SHOWN_RUNS = 20;

/** `backup-server runs`: what ran when, and how it went, newest first. */
export async function runs(session: Session, options: RunsOptions): Promise<number> {
  const { json, print } = session;
  const { found, damaged } = await foundRuns(session, options);
  const count = countOf(options) ?? (options.hours === undefined ? SHOWN_RUNS : found.length);
  const shown = found.slice(0, count);
  if (json) print(JSON.stringify([...shown.map(listedRun), ...damaged], undefined, 2));
  else {
    for (const line of renderRuns(shown, damaged)) print(line);
    for (const line of endLines(found.length, shown.length)) print(line);
  }
  return 0;
}

function endLines(found: number, shown: number): readonly string[] {
  if (found === 0) return ['No runs found. Start one: backup-server backup'];
  const more = found > shown ? [`${found - shown} older ones: backup-server runs --count ${found}`] : [];
  return ['', ...more, 'What happened in one of them: backup-server runs show ID'];
}

/** `backup-server runs show [ID | -N]`: one run whole, or `--count` of them towards older ones. */
export async function showRuns(session: Session, which: string, options: RunsOptions): Promise<number> {
  const { json, print } = session;
  const { found, damaged } = await foundRuns(session, options);
  const chosen = chooseRuns(found, which, countOf(options) ?? 1);
  if (json) {
    print(JSON.stringify(options.count === undefined ? chosen[0] : chosen, undefined, 2));
    return 0;
  }
  for (const [index, run] of chosen.entries()) {
    for (const line of [...(index === 0 ? [] : ['', '']), ...renderAnyRun(run)]) print(line);
  }
  for (const line of damagedLines(damaged)) print(line);
  return 0;
}

async function foundRuns(session: Session, options: RunsOptions) {
  const filter: RunFilter = { host: options.host, command: options.command, maxAgeMs: maxAgeOf(options) };
  const { runs: past, future, damaged } = await storedRecords(session);
  return { found: filterRuns(newestFirst([...past, ...future]), filter, session.now()), damaged };
}

/** Ids sort by the second only. */
function newestFirst(all: readonly RunRecord[]): readonly RunRecord[] {
  return [...all].sort((a, b) => (a.started < b.started ? 1 : -1));
}

function maxAgeOf({ hours }: RunsOptions): number | undefined {
  if (hours === undefined) return undefined;
  const number = Number(hours);
  if (/^\d+(\.\d+)?$/.test(hours) && number > 0) return number * 3_600_000;
  throw new BackupError('usage', `--hours ${hours}: must be a number of hours, more than 0.`);
}

function countOf({ count }: RunsOptions): number | undefined {
  if (count === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(count)) return Number(count);
  throw new BackupError('usage', `--count ${count}: must be a whole number, at least 1.`);
}
