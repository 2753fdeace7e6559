// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import { describePlace, FORBIDDEN_MODE, fileOf, type SecretPlace } from './secret-place.ts';

/** Where the repository's password comes from; never its value. */
export type Password = SecretPlace | { readonly command: string };

/** Longer than any password, to notice a wrong path. */
const LONGEST_PASSWORD_FILE = 1024;

/**
 * The variables that tell restic where to find the password: nothing secret is in the arguments.
 * @param prefix `RESTIC_FROM` for the repository that is copied from
 * @throws BackupError `config` for a credential that was not handed over
 */
export function passwordEnvironment(password: Password, prefix = 'RESTIC'): Record<string, string> {
  if ('command' in password) return { [`${prefix}_PASSWORD_COMMAND`]: password.command };
  return { [`${prefix}_PASSWORD_FILE`]: fileOf(password) };
}

/** For messages. */
export function describePassword(password: Password): string {
  return 'command' in password ? 'the password command' : describePlace(password);
}

/**
 * Looks at the password file before restic does, because restic 0.14 answers an empty one by reading standard input.
 *
 * @throws BackupError `config` when it is missing, empty, no regular file or not private
 */
export async function checkPassword(password: Password): Promise<void> {
  if ('command' in password) return;
  const file = fileOf(password);
  const complaint = await complaintAbout(file, 'file' in password ? FORBIDDEN_MODE.file : FORBIDDEN_MODE.credential);
  if (complaint !== undefined) {
    throw new BackupError('config', `The restic password file ${file} ${complaint}`);
  }
}

async function complaintAbout(file: string, forbidden: number): Promise<string | undefined> {
  // Without blocking: a named pipe in its place would make us wait for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  if (handle instanceof Error) return `cannot be read (${handle.code}).`;
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) return 'is not a regular file.';
    if ((facts.mode & forbidden) !== 0) return 'can be read by others: chmod 600 it.';
    if (facts.uid !== 0 && facts.uid !== process.geteuid?.()) return 'belongs to another user: chown it to root.';
    if (facts.size > LONGEST_PASSWORD_FILE) return 'is too long to be a password.';
    const content = await handle.readFile('utf8');
    return content.trim() === '' ? 'is empty.' : undefined;
  } finally {
    await handle.close();
  }
}
