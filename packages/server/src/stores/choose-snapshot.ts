// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Snapshot } from './store.ts';

/** Shorter ones are too easily those of another snapshot. */
const SHORTEST_ID = 8;

/**
 * The snapshot out of a host's own list that somebody named by its id or the beginning of it.
 *
 * @throws BackupError `usage` when no snapshot, or more than one, has it
 */
export function chooseSnapshot(snapshots: readonly Snapshot[], wanted: string, host: string): Snapshot {
  const found = wanted.length < SHORTEST_ID ? [] : snapshots.filter(({ id }) => id.startsWith(wanted));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const problem = found.length > 1 ? 'More than one snapshot' : 'No snapshot';
  throw new BackupError(
    'usage',
    `${problem} of ${host} has the id "${showControls(wanted)}". "backup-server snapshots ${host}" lists them; give ` +
      `at least ${SHORTEST_ID} characters.`,
  );
}
