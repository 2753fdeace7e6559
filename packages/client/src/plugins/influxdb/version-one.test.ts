// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import { toolsOf } from '@local-backup/common/config/tools';
import type { Run } from '@local-backup/common/exec';
import { expect, it } from 'vitest';
import { options } from './options.ts';
import { askWithin } from './version-one.ts';

it('asks no longer than all questions together may take', async () => {
  const limits: number[] = [];
  const exec: Run = async (_program, _args, { timeoutMs }) => {
    limits.push(timeoutMs);
    await delay(30);
    return { exitCode: 0, stdout: '{"results":[{}]}', stderr: '', truncated: false };
  };
  const asking = { options: options.parse({}), exec, tools: toolsOf({}), signal: new AbortController().signal };
  const ask = askWithin(25, asking);
  expect(await ask('SHOW DATABASES')).toEqual([]);
  await expect(ask('SHOW DATABASES')).rejects.toThrow('no time left');
  expect(limits).toEqual([25]);
});
