// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { HostRecord } from '@local-backup/common/run-record';
import { expect, it } from 'vitest';
import { fiveDays, keep, maintain, NOW } from '../helpers/upkeep-world.ts';

const copySteps = (host: HostRecord | undefined) => {
  const steps = (host?.steps ?? []).filter(({ name }) => name.startsWith('copy '));
  return steps.map(({ name, status, message }) => [name, status, ...(message === undefined ? [] : [message])]);
};
const down = () => new BackupError('failed', 'offsite cannot be reached');

it('each copy is checked, thinned and remembered on its own, after the first repository', async () => {
  const offsite = keep();
  const vault = keep({ contents: { snapshots: fiveDays().slice(3) } });
  const first = keep({ copies: { offsite, vault } });
  const { record, host } = await maintain({ web1: first });
  expect(record.status).toBe('success');
  expect(offsite.shelf.snapshots).toEqual(fiveDays().slice(2));
  expect(vault.shelf.snapshots).toEqual(fiveDays().slice(3));
  expect(offsite.state).toMatchObject({ lastCheck: { ok: true }, lastFinished: NOW.toISOString() });
  expect(copySteps(host('web1'))).toEqual([
    ['copy offsite', 'success'],
    ['copy offsite', 'success', '5 snapshots before, 2 forgotten'],
    ['copy vault', 'success'],
    ['copy vault', 'success', '2 snapshots before, 0 forgotten'],
  ]);
  expect(host('web1')?.upkeep).toMatchObject({ snapshots: 5, forgotten: 2 });
});

it('one that cannot be reached makes the host fail, by its name, and costs the others nothing', async () => {
  const offsite = keep({ contents: { faults: { check: down() } } });
  const vault = keep();
  const first = keep({ copies: { offsite, vault } });
  const { record, host } = await maintain({ web1: first });
  expect(record.status).toBe('failed');
  expect(copySteps(host('web1'))[0]).toEqual(['copy offsite', 'failed', 'check: offsite cannot be reached']);
  expect(first.shelf.snapshots).toHaveLength(3);
  expect(vault.shelf.snapshots).toHaveLength(3);
  expect(offsite.shelf.snapshots).toHaveLength(5);
});

it('a damaged copy is thinned no more, the first repository is', async () => {
  const offsite = keep({ contents: { problems: ['pack 1234 does not exist'] } });
  const first = keep({ copies: { offsite } });
  const { host } = await maintain({ web1: first });
  expect(copySteps(host('web1'))[0]?.[2]).toMatch(/^check: .*damaged/);
  expect(offsite.shelf.snapshots).toHaveLength(5);
  expect(first.shelf.snapshots).toHaveLength(3);
});

it('while the first repository is damaged nothing is done with its copies: one may be all there is', async () => {
  const offsite = keep();
  const first = keep({ copies: { offsite }, contents: { problems: ['pack 1234 does not exist'] } });
  await maintain({ web1: first });
  expect(offsite.shelf.calls).toEqual([]);
});

it('what is pinned stays there too; one that a copy never had is no warning', async () => {
  const [oldest] = fiveDays();
  const pin = { reason: 'r', pinned: NOW.toISOString() };
  const there = { ...pin, snapshot: oldest?.id ?? '', taken: oldest?.time ?? '' };
  const never = { ...pin, snapshot: 'f'.repeat(64), taken: '2020-01-01T00:00:00.000Z' };
  const offsite = keep({ expectsPins: false, pins: [there, never] });
  const { record } = await maintain({ web1: keep({ copies: { offsite } }) });
  expect(offsite.shelf.snapshots.map(({ time }) => time)).toContain(oldest?.time);
  expect(offsite.shelf.snapshots).toHaveLength(4);
  expect(record.status).toBe('success');
});
