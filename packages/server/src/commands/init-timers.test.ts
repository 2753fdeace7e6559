// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Run } from '@local-backup/common/exec';
import { expect, it } from 'vitest';
import { offerTimers } from './init-timers.ts';

/** What was printed, and what systemctl was told beside questions; `enabled` timers are enabled and waiting. */
async function offer(enabled: number, wanted: boolean | undefined, { booted = '/', json = false } = {}) {
  const printed: string[] = [];
  const told: string[] = [];
  const lines = (yes: string, no: string) => [0, 1, 2].map((index) => (index < enabled ? yes : no)).join('\n');
  const run: Run = async (program, args) => {
    const answers: Record<string, string> = {
      'is-enabled': lines('enabled', 'disabled'),
      'is-active': lines('active', 'inactive'),
    };
    const stdout = answers[args[0] ?? ''];
    if (stdout === undefined) told.push([program, ...args].join(' '));
    return { exitCode: 0, stdout: stdout ?? '', stderr: '', truncated: false };
  };
  const { signal } = new AbortController();
  const print = (line: string) => void printed.push(line);
  await offerTimers({ run, signal, json, print }, wanted, json, booted);
  return { printed: printed.join('\n'), told };
}

it('enables what nobody has enabled, when that was asked for', async () => {
  const { printed, told } = await offer(1, true);
  expect(told).toEqual(['systemctl enable --now -- restic-maintenance.timer backup-drill.timer']);
  expect(printed).toBe('timers: enabled restic-maintenance.timer, backup-drill.timer');
});

it('only tells how where nobody has asked for it and nobody can be asked', async () => {
  const { printed, told } = await offer(0, undefined);
  expect(told).toEqual([]);
  expect(printed).toMatch(/systemctl enable --now backup-server\.timer restic-maintenance\.timer backup-drill\.timer$/);
  // With --json nobody is asked, whoever sits there.
  expect(await offer(0, undefined, { json: true })).toEqual({ printed, told });
});

it('leaves alone what is enabled, and what no systemd could start', async () => {
  expect(await offer(3, true)).toEqual({ printed: expect.stringMatching(/are enabled$/), told: [] });
  expect(await offer(0, true, { booted: '/nonexistent' })).toEqual({
    printed: expect.stringMatching(/does not run/),
    told: [],
  });
});
