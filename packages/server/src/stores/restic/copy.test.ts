// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { silentLog } from '../../../../../test/helpers/silent-log.ts';
import { createResticCopy } from './copy.ts';

test('two repositories that one process cannot open are refused before restic is started', async () => {
  const options = (repository: string, key: string) => ({
    ...{ host: 'web1', repository, password: { command: 'pass' }, program: 'restic', cacheDirectory: '/cache' },
    ...{ environment: async () => ({ AWS_ACCESS_KEY_ID: key }), lockWaitMs: 0, backupOptions: [] },
    ...{ pinFile: '/pin', timeouts: { queryMs: 1, saveMs: 1, restoreMs: 1 } },
  });
  const run = () => Promise.reject(new Error('restic must not be started'));
  const copyOf = options('s3:https://u:canary@one/bucket', 'key-canary-1');
  const copy = createResticCopy(
    { ...options('s3:https://two/bucket', 'key-canary-2'), copyOf, hasOwnPolicy: false, copyMs: 1 },
    { run, log: silentLog, now: () => new Date() },
  );
  for (const verb of [copy.check, copy.bring]) {
    const refused = verb(new AbortController().signal);
    await expect(refused).rejects.toMatchObject({ code: 'config' });
    await expect(refused).rejects.toThrow(/from s3:https:\/\/u:\*\*\*@one\/bucket .* AWS_ACCESS_KEY_ID/);
    await expect(refused).rejects.not.toThrow(/canary/);
  }
});
