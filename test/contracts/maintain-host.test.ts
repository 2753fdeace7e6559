// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { HostRecord } from '@local-backup/common/run-record';
import { describe, expect, it } from 'vitest';
import type { RepositoryLock } from '../../packages/server/src/stores/upkeep.ts';
import { fiveDays, type Keep, keep, maintain, NOW } from '../helpers/upkeep-world.ts';

const changes = ({ shelf }: Keep) => shelf.calls.filter((call) => /^(?:forget|prune)/.test(call));
const messages = (host: HostRecord | undefined) => (host?.steps ?? []).map(({ message = '' }) => message).join('\n');
const stepNames = (host: HostRecord | undefined) => host?.steps.map(({ name, status }) => `${name} ${status}`);
const fault = (message = 'no') => new BackupError('failed', message);
const lock = (changed: Partial<RepositoryLock>): RepositoryLock => ({
  id: 'l1',
  time: '2026-11-21T01:00:00.000Z',
  exclusive: true,
  hostname: 'backup1',
  username: 'root',
  pid: 4711,
  isOursAndDead: false,
  ...changed,
});

describe('the maintenance of a host', () => {
  it('checks a part of the data, forgets by policy, prunes, checks again, and remembers', async () => {
    const k = keep();
    const { record, host } = await maintain({ web1: k });
    expect(record.status).toBe('success');
    expect(k.shelf.calls).toEqual([
      'removeDeadLocks',
      'check part 1/12',
      'judge --keep-daily 3',
      'forget 2',
      'prune',
      'check none',
    ]);
    expect(k.shelf.snapshots).toEqual(fiveDays().slice(2));
    expect(host('web1')?.upkeep).toEqual({ snapshots: 5, forgotten: 2, dataRead: '1/12' });
    const time = NOW.toISOString();
    expect(k.state).toEqual({
      format: 1,
      lastBegun: time,
      lastFinished: time,
      lastCheck: { time, ok: true, share: '1/12', problems: [] },
      partsRead: 1,
      pruneDue: false,
    });
  });

  it('prunes nothing where nothing was forgotten, and reads the next part', async () => {
    const k = keep();
    await maintain({ web1: k });
    k.shelf.calls.length = 0;
    const { host } = await maintain({ web1: k });
    expect(k.shelf.calls).toEqual(['removeDeadLocks', 'check part 2/12', 'judge --keep-daily 3']);
    expect(host('web1')).toMatchObject({ status: 'success', upkeep: { snapshots: 3, forgotten: 0, dataRead: '2/12' } });
  });

  it('does what it is configured to do', async () => {
    const k = keep({ plan: { check: undefined, prune: false, size: true } });
    const { host } = await maintain({ web1: k });
    expect(k.shelf.calls).toEqual(['removeDeadLocks', 'judge --keep-daily 3', 'forget 2', 'size']);
    expect(messages(host('web1'))).toContain('check` is false');
    expect(k.state).toMatchObject({ pruneDue: true, bytes: 5_000 });
    k.plan = { size: true };
    const later = await maintain({ web1: k });
    expect(changes(k)).toEqual(['forget 2', 'prune']);
    expect(later.host('web1')?.upkeep).toMatchObject({ bytes: 3_000, bytesBefore: 5_000 });
  });

  it('is successful where only its size cannot be found out (C73)', async () => {
    const k = keep({ plan: { size: true }, contents: { faults: { size: fault('stats says no') } } });
    const { host } = await maintain({ web1: k });
    expect(host('web1')?.status).toBe('success');
    expect(messages(host('web1'))).toContain('stats says no');
  });

  it('removes locks of its own dead, and warns of others by name', async () => {
    const locks = [lock({ isOursAndDead: true, pid: 1 }), lock({ hostname: 'nas\u001b', pid: 4711 })];
    const { host } = await maintain({ web1: keep({ contents: { locks } }) });
    expect(host('web1')?.status).toBe('warning');
    expect(messages(host('web1'))).toContain('removed the lock that process 1 of this server had left');
    expect(messages(host('web1'))).toMatch(
      /process 4711 of root on nas\\x1b has locked the repository of web1 exclusively since 2026-11-21 01:00:00 UTC \(4 h ago\)\. .*locks-and-damage/,
    );
  });
});

describe('nothing is forgotten or pruned', () => {
  it('after a check that found damage, not even when it is not seen the next time', async () => {
    const k = keep({ state: { format: 1, partsRead: 4 }, contents: { problems: ['pack 12ab: hash mismatch'] } });
    const { record, host } = await maintain({ web1: k });
    expect(record.status).toBe('failed');
    expect(k.shelf.calls).toEqual(['removeDeadLocks', 'check part 5/12']);
    expect(messages(host('web1'))).toMatch(/repository of web1 is damaged[\s\S]*pack 12ab: hash mismatch/);
    expect(k.state).toMatchObject({ partsRead: 4, lastCheck: { ok: false, share: '5/12' } });
    // Switched off, the check cannot find out that all is well again.
    Object.assign(k, { plan: { check: undefined } });
    k.shelf.problems = [];
    const unchecked = await maintain({ web1: k });
    expect(unchecked.host('web1')?.status).toBe('warning');
    expect(messages(unchecked.host('web1'))).toContain('was found damaged on 2026-11-21 05:00:00 UTC');
    expect(changes(k)).toEqual([]);
    // The same part once more, and it is well.
    k.plan = {};
    expect((await maintain({ web1: k })).host('web1')).toMatchObject({
      status: 'success',
      upkeep: { dataRead: '5/12' },
    });
    expect(changes(k)).toEqual(['forget 2', 'prune']);
  });

  it('after a check that found damage which cannot even be remembered: that is told, too', async () => {
    const k = keep({ contents: { problems: ['pack 12ab: hash mismatch'] } });
    k.before = (verb) => {
      if (verb === 'check') Object.freeze(k);
    };
    const { host } = await maintain({ web1: k });
    expect(messages(host('web1'))).toContain('pack 12ab: hash mismatch');
    expect(changes(k)).toEqual([]);
  });

  it.each([['removeDeadLocks'], ['check'], ['judge']] as const)('where %s fails', async (verb) => {
    const k = keep({ contents: { faults: { [verb]: fault('the disk is gone') } } });
    const { record, host } = await maintain({ web1: k });
    expect(record.status).toBe('failed');
    expect(messages(host('web1'))).toContain('the disk is gone');
    expect(changes(k)).toEqual([]);
    expect(k.state.lastFinished).toBeUndefined();
  });

  it.each<[string, Partial<Keep>, RegExp]>([
    ['the clock has jumped', { facts: { clock: 'The clock went back.' } }, /: The clock went back\.$/],
    ['the last backup failed', { facts: { runs: [] } }, /No backup of the host is on record/],
    ['the newest snapshot is old', { facts: { maxAgeMs: 60_000 } }, /at most 1 min is allowed/],
    ['too few would be left', { shelf: undefined as never }, /keep_at_least/],
  ])('when %s: a warning with the reason', async (_, changed, reason) => {
    const few = fiveDays().map((snapshot, index) => (index === 2 ? { ...snapshot, reasons: [] } : snapshot));
    const k = 'shelf' in changed ? keep({ contents: { snapshots: few } }) : keep(changed);
    k.state = { ...k.state, pruneDue: true };
    const { record, host } = await maintain({ web1: k });
    expect(record.status).toBe('warning');
    expect(messages(host('web1'))).toMatch(reason);
    expect(messages(host('web1'))).toMatch(/^Nothing is forgotten, though the policy lets [23] snapshots go: /m);
    expect(changes(k)).toEqual([]);
    expect(host('web1')?.upkeep).toMatchObject({ snapshots: 5, forgotten: 0 });
  });

  it('and the host fails where somebody asked for just that', async () => {
    const { host } = await maintain({ web1: keep({ facts: { clock: 'x' }, plan: { refusal: 'failed' } }) });
    expect(stepNames(host('web1'))?.at(-1)).toBe('forget failed');
  });

  it('where the pins cannot be read', async () => {
    const k = keep();
    Object.defineProperty(k, 'pins', {
      get: () => {
        throw fault('pins are damaged');
      },
    });
    const { host } = await maintain({ web1: k });
    expect(host('web1')?.status).toBe('failed');
    expect(messages(host('web1'))).toContain('pins are damaged');
    expect(changes(k)).toEqual([]);
  });

  it('where what is remembered cannot be read: the repository is not even looked at', async () => {
    const k = keep();
    Object.defineProperty(k, 'state', {
      get: () => {
        throw fault('the memory is damaged');
      },
    });
    const { host } = await maintain({ web1: k }, { lastBegun: async () => undefined });
    expect(host('web1')).toMatchObject({ status: 'failed', steps: [{ name: 'state', status: 'failed' }] });
    expect(k.shelf.calls).toEqual([]);
  });

  it('in a dry run, which checks, and names what would go', async () => {
    const k = keep({ plan: { dryRun: true }, contents: { locks: [lock({})] } });
    const before = structuredClone({ state: k.state, snapshots: k.shelf.snapshots });
    const { host } = await maintain({ web1: k });
    expect(k.shelf.calls).toEqual(['locks', 'check part 1/12', 'judge --keep-daily 3']);
    expect({ state: k.state, snapshots: k.shelf.snapshots }).toEqual(before);
    expect(messages(host('web1'))).toMatch(
      /would forget 2 of 5 snapshots[\s\S]*\n {2}a5a5a5a5 of 2026-11-17 04:00:00 UTC\n/,
    );
  });
});

describe('pins', () => {
  const pinned = { taken: NOW.toISOString(), reason: 'audit', pinned: NOW.toISOString() };

  it('keep their snapshots, and those without one are told', async () => {
    const [oldest] = fiveDays();
    const k = keep({
      pins: [
        { snapshot: oldest?.id ?? '', ...pinned },
        { snapshot: 'f'.repeat(64), ...pinned },
      ],
    });
    const { host } = await maintain({ web1: k });
    expect(k.shelf.snapshots.map(({ id }) => id)).toContain(oldest?.id);
    expect(host('web1')).toMatchObject({ status: 'warning', upkeep: { forgotten: 1 } });
    expect(messages(host('web1'))).toContain('Pinned snapshot ffffffff ("audit") is not there any more');
  });
});
