// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { renderSnapshots } from './render-snapshots.ts';

test('the snapshots of hosts, the doubtful one marked', () => {
  const snapshot = (id: string, stamp: string) => ({ id, time: '2026-11-21T04:01:00.000Z', tags: ['web1', stamp] });
  const snapshots = [snapshot('ab12cd34ef', '20261120_030000'), snapshot('0123456789', '20261121_030000')];
  const hosts = [
    { host: 'web1', snapshots, unproven: ['20261121_030000'], pins: [{ snapshot: '0123456789', reason: 'audit\n' }] },
    { host: 'web2', snapshots: [], unproven: [], pins: [] },
  ];
  expect(renderSnapshots(hosts)).toEqual([
    'web1: 2 snapshots',
    'ID        Stored                   Archive',
    'ab12cd34  2026-11-21 04:01:00 UTC  20261120_030000',
    '01234567  2026-11-21 04:01:00 UTC  20261121_030000  not proven whole; pinned: audit\\n',
    '',
    'web2: no snapshots yet. Make one: backup-server backup web2',
  ]);
});
