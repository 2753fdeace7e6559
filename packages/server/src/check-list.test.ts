// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, InterruptedError } from '@local-backup/common/errors';
import { expect, test } from 'vitest';
import { type Check, type CheckResult, runChecks } from './check-list.ts';

const check = (name: string, work: Check['work']): Check => ({ about: 'web1', name, work });
const never = new AbortController().signal;

test('every check is made and told at once, whatever the others found', async () => {
  const told: CheckResult[] = [];
  const checks = [
    check('fine', async () => 'as it should be'),
    check('odd', async () => ({ warning: 'hm' })),
    check('wrong', async () => ({ failed: 'line 3' })),
    check('bad', () => Promise.reject(new BackupError('config', 'no key. Run: ssh-keygen'))),
    check('bug', () => Promise.reject(new TypeError('x is undefined'))),
    check('last', async () => 'fine too'),
  ];
  const results = await runChecks(checks, never, (result) => void told.push(result));
  expect(results.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'fine success',
    'odd warning',
    'wrong failed',
    'bad failed',
    'bug failed',
    'last success',
  ]);
  expect(results[3]?.message).toBe('no key. Run: ssh-keygen');
  expect(results[4]?.message).toContain('internal error');
  expect(told).toEqual(results);
});

test('a signal ends the list', async () => {
  const checks = [
    check('first', () => Promise.reject(new InterruptedError('SIGINT'))),
    check('second', async () => ''),
  ];
  await expect(runChecks(checks, never, () => undefined)).rejects.toThrow(InterruptedError);
});
