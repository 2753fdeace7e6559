// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { formatCount } from '../report/text.ts';
import type { Change } from '../stores/history.ts';
import { PROOF_DIRECTORY } from '../tree/proof-directory.ts';
import { describeFound, findSnapshot, foundAsJson } from './find-snapshot.ts';
import { historyOf } from './repositories.ts';
import type { Session } from './session.ts';

const SIGNS: Record<Change['kind'], string> = { added: '+', removed: '-', changed: 'M', type: 'T' };

/**
 * `backup-server diff A B`: what is in the one snapshot of a host and not in the other; with `--json` one object a line,
 * the sums last.
 */
export async function diff(session: Session, first: string, second: string): Promise<number> {
  const { json, print, signal } = session;
  const older = await findSnapshot(session, first);
  const newer = await findSnapshot(session, second);
  if (older.host !== newer.host) {
    const names = `${older.host.hostname} and ${newer.host.hostname}`;
    throw new BackupError('usage', `Only snapshots of one host can be compared; these are of ${names}.`);
  }
  const snapshots = { older: older.snapshot.id, newer: newer.snapshot.id };
  if (!json) for (const line of [`From: ${describeFound(older)}`, `To:   ${describeFound(newer)}`]) print(line);
  const counts = { added: 0, removed: 0, changed: 0, type: 0 };
  const onChange = (change: Change) => {
    // The proof is another one every time.
    if (change.path === PROOF_DIRECTORY || change.path.startsWith(`${PROOF_DIRECTORY}/`)) return;
    counts[change.kind] += 1;
    print(json ? JSON.stringify(change) : `${SIGNS[change.kind]} ${escapeControls(change.path)}`);
  };
  const bytes = await historyOf(older.host, session).diff(snapshots, onChange, signal);
  if (json) print(JSON.stringify({ from: foundAsJson(older), to: foundAsJson(newer), counts, bytes }));
  else for (const line of renderSums(counts, bytes)) print(line);
  return 0;
}

function renderSums(
  { added, removed, changed, type }: Record<Change['kind'], number>,
  bytes: { readonly added: number; readonly removed: number },
): readonly string[] {
  const types = type === 0 ? '' : `, ${formatCount(type)} of another type (T)`;
  return [
    `${formatCount(added)} added (+), ${formatCount(removed)} removed (-), ${formatCount(changed)} with other content (M)${types}`,
    `Data that only the second has: ${formatBytes(bytes.added)}; that only the first has: ${formatBytes(bytes.removed)}`,
  ];
}
