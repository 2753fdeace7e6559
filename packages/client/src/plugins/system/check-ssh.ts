// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { SystemContext } from './plan-restore.ts';

/**
 * Has sshd look at the configuration that was put back: a machine that restarts without it may be out of reach.
 * @param root of the host
 * @throws BackupError `failed` with the words of sshd
 */
export async function requireUsableSsh({ exec, options, signal }: SystemContext, root: string): Promise<void> {
  // It wants to be started by its full path (sshd(8)).
  const program = await findProgram('sshd');
  if (program === undefined) return;
  const limits = { cwd: '/', timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal };
  await exec(program, ['-t', '-f', join(root, 'etc/ssh/sshd_config')], limits).catch((error: unknown) => {
    signal.throwIfAborted();
    const reason = describeError(error);
    // It is there while the server runs, and says nothing about the configuration.
    if (reason.includes('Missing privilege separation directory')) return;
    const hint = 'Correct system_files/etc/ssh in the copy, or take `settings` out of `restore`.';
    throw new BackupError(
      'failed',
      `With the /etc/ssh that was saved, the SSH server would not start: ${reason}\n${hint}`,
    );
  });
}
