// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { RunRecord } from '@local-backup/common/run-record';

/** Which runs are meant; what is missing does not matter. */
export interface RunFilter {
  /** Only runs that had to do with this host, and of them only this host. */
  readonly host?: string | undefined;
  readonly command?: string | undefined;
  /** Not older than this, in milliseconds. */
  readonly maxAgeMs?: number | undefined;
}

/** The runs that are meant, in their order. Pure. */
export function filterRuns(runs: readonly RunRecord[], filter: RunFilter, now: Date): readonly RunRecord[] {
  const { host, command, maxAgeMs } = filter;
  return runs
    .filter((run) => command === undefined || run.command === command)
    .filter((run) => maxAgeMs === undefined || now.getTime() - Date.parse(run.started) <= maxAgeMs)
    .filter((run) => host === undefined || run.hosts.some((record) => record.host === host))
    .map((run) => (host === undefined ? run : { ...run, hosts: run.hosts.filter((record) => record.host === host) }));
}

/**
 * The run with this id, or a beginning of it that no other has; or the one that many before the newest (`-0` is the
 * newest), and `count` in all towards older ones.
 * @param runs newest first
 * @throws BackupError `usage` where there is none, or several
 */
export function chooseRuns(runs: readonly RunRecord[], which: string, count: number): readonly RunRecord[] {
  if (/^-\d+$/.test(which)) {
    const chosen = runs.slice(Number(which.slice(1))).slice(0, count);
    if (chosen.length > 0) return chosen;
    throw new BackupError(
      'usage',
      `Only ${runs.length} runs found${which === '-0' ? '' : `; ${which} is further back`}.`,
    );
  }
  if (!/^[0-9][0-9_a-f-]*$/.test(which)) {
    throw new BackupError('usage', `"${which}" is no run. Give an id, its beginning, or -0 for the newest, -1, -2 ...`);
  }
  const [first, ...others] = runs.filter(({ id }) => id.startsWith(which));
  if (first === undefined)
    throw new BackupError('usage', `There is no run ${which}. Which there are: backup-server runs`);
  if (others.length === 0) return [first];
  const ids = [first, ...others].slice(0, 10).map(({ id }) => id);
  throw new BackupError(
    'usage',
    `${others.length + 1} runs begin with ${which}; give more of the id: ${ids.join(', ')}`,
  );
}
