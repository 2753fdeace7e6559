// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { chooseSnapshot } from '../choose-snapshot.ts';
import { requireEmptyTarget } from '../restore-target.ts';
import type { Snapshot } from '../store.ts';
import { restoreArgs } from './args.ts';
import type { Restic } from './restic.ts';

export interface RestoreParts {
  readonly restic: Restic;
  /** Read every restored file again and compare it. */
  readonly verify: boolean;
  readonly restoreMs: number;
  readonly snapshots: (signal: AbortSignal) => Promise<readonly Snapshot[]>;
}

/**
 * The verb `restore` of the store. The tree was saved as `.`, so its content lies at the root of the snapshot and lands
 * directly in the target, with all versions of restic.
 */
export async function restore(
  { restic, verify, restoreMs, snapshots }: RestoreParts,
  { snapshot, target }: { readonly snapshot: string; readonly target: string },
  signal: AbortSignal,
): Promise<void> {
  await requireEmptyTarget(target);
  // Out of the host's own list: the id of another host's snapshot in the same repository is refused.
  const { id } = chooseSnapshot(await snapshots(signal), snapshot, restic.settings.host);
  const args = restoreArgs(await restic.version(signal), { snapshot: id, target, verify });
  try {
    await restic.call(args, { signal, timeoutMs: restoreMs, locks: true });
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(error.code, `${error.message}\nWhat is in ${showControls(target)} is not complete.`, {
      cause: error,
    });
  }
}
