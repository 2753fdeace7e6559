// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Run } from '@local-backup/common/exec';
import { expect, it } from 'vitest';
import { resolveAccount } from './account.ts';

/** Answers as getent(1) does. */
const getent: Run = async (program, [database, name]) => {
  expect(program).toBe('getent');
  const entries: Record<string, string> = {
    'passwd backup': 'backup:x:34:35:backup:/var/backups:/usr/sbin/nologin\n',
    'group staff': 'staff:x:50:\n',
  };
  const stdout = entries[`${database} ${name}`];
  return { exitCode: stdout === undefined ? 2 : 0, stdout: stdout ?? '', stderr: '', truncated: false };
};

it('finds the numbers of user and group', async () => {
  expect(await resolveAccount('backup', 'staff', getent)).toEqual({ uid: 34, gid: 50 });
});

it('names both where both are missing', async () => {
  await expect(resolveAccount('nobody-here', 'no-group', getent)).rejects.toMatchObject({
    code: 'config',
    message: expect.stringMatching(/no user `nobody-here`(.|\n)*no group `no-group`/),
  });
});
