// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { clockComplaint } from './login-checks.ts';

const NOW = new Date('2026-11-21T12:00:30Z');

const complaintAt = (seconds: number) => {
  const mtime = Math.floor(NOW.getTime() / 1_000) + seconds;
  const stat = async (name: string) => ({ name, type: 'file', size: 0, mtime }) as const;
  return clockComplaint({ stat }, 'probe', NOW);
};

it.each([0, 59, -59])('a clock that differs by %i s is as good as ours', async (seconds) => {
  expect(await complaintAt(seconds)).toBeUndefined();
});

it.each([
  [3_600, /^its clock is 1 h ahead of that of this server/],
  [-90, /^its clock is 1 min 30 s behind that of this server/],
])('one that differs by %i s is told', async (seconds, message) => {
  expect(await complaintAt(seconds)).toMatch(message);
});

it('a file that is gone tells nothing', async () => {
  expect(await clockComplaint({ stat: async () => undefined }, 'probe', NOW)).toBeUndefined();
});
