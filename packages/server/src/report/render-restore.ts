// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { Measured } from '../restore/restore-measure.ts';
import type { Selection } from '../restore/restore-selection.ts';
import type { VerifiedTree } from '../tree/verify-tree.ts';
import { formatCount, labelled } from './text.ts';

/** What is going to be restored. */
export function describeSelection({ include }: Pick<Selection, 'include'>, measured: Measured | undefined): string {
  const what = include.length === 0 ? 'everything' : include.map((glob) => showControls(glob)).join(', ');
  if (measured === undefined) return `Restoring ${what}`;
  return `Restoring ${what}: ${formatCount(measured.entries)} entries, ${formatBytes(measured.bytes)}`;
}

/** What the comparison with the entry list has found, a line each. */
export function renderVerified(target: string, verified: VerifiedTree): readonly string[] {
  const { entries, files, bytes, differences, differenceCount, uncompared } = verified;
  const read = `${formatCount(entries)} entries compared with the list that was saved with them, ${formatCount(files)} files (${formatBytes(bytes)}) read again`;
  const note =
    uncompared === 0
      ? []
      : [
          `Not compared: the content of ${formatCount(uncompared)} second names (hard links) of files outside the selection.`,
        ];
  if (differenceCount === 0) return [`Verified: ${read}: no differences.`, ...note];
  const more = differenceCount - differences.length;
  return [
    `NOT as it was saved: ${read}: ${formatCount(differenceCount)} difference${differenceCount === 1 ? '' : 's'}.`,
    ...differences.flatMap(({ path, what }) => labelled('  - ', `${path}: ${what}`)),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
    ...note,
    `What is in ${showControls(target)} is NOT right or not complete. Restore it once more, into another directory: if the ` +
      'same differs again, it was stored so, or the repository is damaged (restic check --read-data tells).',
  ];
}
