// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { isSystemDirectory } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import { type FoundDirectory, requireOutOfReach } from './directory-source.ts';
import type { UnpackIo } from './unpack.ts';

/**
 * Makes the directory for `--to`, mode 0700: what is restored may be as secret as it was.
 * @returns the directory, without symbolic links
 * @throws BackupError `usage` where it is not empty, or belongs to the system, `untrusted` where others could put links
 *   into it while it is being filled
 */
export async function makeTarget(target: string): Promise<string> {
  const cannot = `Cannot restore into ${showControls(target)}:`;
  if (isSystemDirectory(target)) throw new BackupError('usage', `${cannot} it belongs to the system.`);
  await mkdir(target, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    throw new BackupError('usage', `${cannot} ${cause.message}`, { cause });
  });
  const real = await realpath(target);
  if (isSystemDirectory(real)) throw new BackupError('usage', `${cannot} it belongs to the system.`);
  if ((await readdir(real)).length > 0) {
    throw new BackupError('usage', `${cannot} it is not empty. Nothing is written over: give an empty directory.`);
  }
  await requireOutOfReach(real, real);
  return real;
}

/** Copies a service's directory as it is, owners, ACLs, holes and links included; links are copied, not followed. */
export async function copyTree({ directory, type, name }: FoundDirectory, target: string, io: UnpackIo): Promise<void> {
  await mkdir(join(target, type), { mode: 0o700 });
  await io.run('cp', ['-a', '--', directory, join(target, type, name)], {
    timeoutMs: io.timeoutMs,
    limitedBy: '`task_timeout`',
    signal: io.signal,
  });
}
