// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { BackupError, InterruptedError } from '../errors.ts';
import type { Run } from '../exec.ts';
import { systemHostname } from './system-hostname.ts';

const printing =
  (stdout: string): Run =>
  async () => ({ exitCode: 0, stdout, stderr: '', truncated: false });

const failing =
  (error: Error): Run =>
  async () => {
    throw error;
  };

it.each([
  ['web1.example.org\n', 'web1.example.org'],
  ['web1\n', 'web1'],
  ['localhost\n', undefined],
  ['localhost.localdomain\n', undefined],
  ['(none)\n', undefined],
  ['', undefined],
])('`hostname -f` prints %j: %s', async (stdout, name) => {
  expect(await systemHostname(printing(stdout))).toBe(name);
});

it('fails quietly, but for a signal', async () => {
  expect(await systemHostname(failing(new BackupError('failed', 'timed out')))).toBeUndefined();
  await expect(systemHostname(failing(new InterruptedError('SIGTERM')))).rejects.toThrow(InterruptedError);
});
