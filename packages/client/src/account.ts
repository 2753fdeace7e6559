// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';

/** Numbers of the account that owns the archives. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** `getent` ends with this when there is no such entry (getent(1)). */
const NO_SUCH_ENTRY = 2;

const LOOKUP_TIMEOUT_MS = 30_000;

/**
 * Looks up `backup_user` and `backup_group` wherever this system keeps its accounts.
 * @throws BackupError `config` that names what does not exist
 */
export async function resolveAccount(user: string, group: string, run: Run): Promise<Account> {
  const uid = await lookUp('passwd', user, run);
  const gid = await lookUp('group', group, run);
  const missing = [
    ...(uid === undefined
      ? [`backup_user: there is no user \`${user}\`; create it with: adduser --system ${user}`]
      : []),
    ...(gid === undefined
      ? [`backup_group: there is no group \`${group}\`; create it with: addgroup --system ${group}`]
      : []),
  ];
  if (uid === undefined || gid === undefined) throw new BackupError('config', missing.join('\n'));
  return { uid, gid };
}

async function lookUp(database: 'passwd' | 'group', name: string, run: Run): Promise<number | undefined> {
  const { exitCode, stdout } = await run('getent', [database, name], {
    timeoutMs: LOOKUP_TIMEOUT_MS,
    accept: [0, NO_SUCH_ENTRY],
  });
  // Both databases: name:password:number:...
  const number = stdout.split('\n')[0]?.split(':')[2] ?? '';
  return exitCode === 0 && /^\d+$/.test(number) ? Number(number) : undefined;
}
