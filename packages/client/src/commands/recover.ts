// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import { abortOnSignals } from '@local-backup/common/signals';
import { plugins } from '../plugins/index.ts';
import { recover } from '../recover.ts';
import { type GlobalOptions, instanceLockOf, openSession, taskIoOf } from './session.ts';

/**
 * `backup-client recover`: undoes what a killed run has left. Harmless when there is nothing, or a run is under way.
 * @throws BackupError `failed` when something could not be undone, `locked` while a backup is running
 */
export async function recoverCommand(global: GlobalOptions, print: (text: string) => void): Promise<void> {
  const watch = abortOnSignals();
  try {
    const session = await openSession(global);
    await withInstanceLock(instanceLockOf(session.config), 'backup-client', async (lost) => {
      const signal = AbortSignal.any([watch.signal, lost]);
      const { undone, failed } = await recover(plugins, taskIoOf(session, signal));
      if (undone.length + failed.length === 0) print('Nothing to undo.\n');
      if (failed.length === 0) return;
      const list = failed.map(({ message }) => `  ${message}`).join('\n');
      throw new BackupError('failed', `Could not be put back; do it by hand, then run this again:\n${list}`);
    });
  } finally {
    watch.dispose();
  }
}
