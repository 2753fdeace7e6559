// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { HostRecord } from '@local-backup/common/run-record';
import { describe, expect, it } from 'vitest';
import { type Keep, keep, maintain } from '../helpers/upkeep-world.ts';

const messages = (host: HostRecord | undefined) => (host?.steps ?? []).map(({ message = '' }) => message).join('\n');
const fault = (message = 'no') => new BackupError('failed', message);

/** Everything that a run over this host would still change. */
const settled = (k: Keep) => {
  return {
    snapshots: k.shelf.snapshots,
    unfreed: k.shelf.unfreed,
    pruneDue: k.state.pruneDue,
    ok: k.state.lastCheck?.ok,
  };
};

describe.each(['removeDeadLocks', 'check', 'judge', 'forget', 'prune'])(
  'when the run is ended just before or after %s',
  (verb) => {
    it.each(['before', 'after'])('%s: the next one finishes the work', async (when) => {
      const whole = keep();
      await maintain({ web1: whole });
      const controller = new AbortController();
      const k = keep();
      let reached = false;
      k.before = (now) => {
        if (reached) controller.abort();
        if (now === verb && when === 'before') controller.abort();
        reached ||= now === verb;
      };
      const ended = await maintain({ web1: k }, { signal: controller.signal });
      expect(ended.record.status).toBe('failed');
      expect(messages(ended.host('web1'))).toContain('The run was ended while this host was under way');
      k.before = () => undefined;
      await maintain({ web1: k });
      expect(settled(k)).toEqual(settled(whole));
    });

    it('by a kill, which leaves only what is on disk: the next one finishes the work', async () => {
      const whole = keep();
      await maintain({ web1: whole });
      const k = keep();
      // Nothing of the process goes on: it never comes back from here.
      const killed = new Promise<void>((arrived) => {
        k.before = (now) => (now === verb ? new Promise(() => arrived()) : undefined);
      });
      void maintain({ web1: k });
      await killed;
      k.before = () => undefined;
      await maintain({ web1: k });
      expect(settled(k)).toEqual(settled(whole));
    });
  },
);

describe('the order of hosts', () => {
  const begun = (lastBegun?: string): Keep =>
    keep({ state: lastBegun === undefined ? { format: 1 } : { format: 1, lastBegun } });

  it('begins with those that waited longest; the record keeps that of the inventory', async () => {
    const { record, order } = await maintain({
      a: begun('2026-11-14T05:00:00.000Z'),
      b: begun('2026-11-07T05:00:00.000Z'),
      c: begun(),
      d: begun('2026-11-10T05:00:00.000Z'),
    });
    expect(order).toEqual(['c', 'b', 'd', 'a']);
    expect(record.hosts.map(({ host }) => host)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not leave a host for the last that was maintained while the clock was wrong', async () => {
    const { order } = await maintain({ a: begun('2026-11-07T05:00:00.000Z'), b: begun('2027-11-07T05:00:00.000Z') });
    expect(order).toEqual(['b', 'a']);
  });

  it('leaves those that there is no time for to the next run, also behind one that fails for ever', async () => {
    const keeps = { a: begun(), b: begun(), c: begun() };
    keeps.a.shelf.faults = { check: fault('slow and broken') };
    let spent = 0;
    const spend = () => {
      spent += 400;
    };
    for (const k of Object.values(keeps)) k.before = spend;
    const elapsed = () => spent;
    const first = await maintain(keeps, { elapsed, maxDurationMs: 2_000 });
    expect(first.order).toEqual(['a', 'b']);
    expect(first.host('c')).toMatchObject({ status: 'skipped', skipped: 'SKIPPED_NO_TIME' });
    expect(messages(first.host('c'))).toContain('had taken 2.0 s (max_duration)');
    const second = await maintain(keeps, { elapsed, maxDurationMs: 2_000 });
    expect(second.order[0]).toBe('c');
  });

  it('a host that is being backed up has its turn after the others, and is waited for then', async () => {
    const { order, waits, record } = await maintain({ a: keep({ busy: 1 }), b: keep() });
    expect(order).toEqual(['a', 'b', 'a']);
    expect(waits).toEqual([0, 0, 60_000]);
    expect(record.status).toBe('success');
  });

  it('a host that stays busy is skipped, and the run says so', async () => {
    const k = keep({ busy: 2 });
    const { record, host } = await maintain({ a: k, b: keep() });
    expect(record.status).toBe('skipped');
    expect(host('a')).toMatchObject({ skipped: 'SKIPPED_BUSY' });
    expect(messages(host('a'))).toContain('(PID 7) is at work with the repository');
    expect(k.shelf.calls).toEqual([]);
    expect(k.state.lastBegun).toBeUndefined();
  });

  it('and fails where somebody has asked for just that host; what is free by then is done', async () => {
    const stays = await maintain({ a: keep({ busy: 2 }) }, { busy: 'failed' });
    expect(stays.waits).toEqual([0, 60_000]);
    expect(stays.host('a')).toMatchObject({ status: 'failed', steps: [{ name: 'host', code: 'locked' }] });
    expect(messages(stays.host('a'))).toContain('(PID 7) is at work with the repository');
    const freed = await maintain({ a: keep({ busy: 1 }) }, { busy: 'failed' });
    expect(freed.record.status).toBe('success');
  });

  it('what was forgotten before a lock came in between is in the record, too', async () => {
    const a = keep({ contents: { faults: { prune: new BackupError('locked', 'is locked by PID 9') } } });
    const b = keep();
    b.before = () => {
      a.shelf.faults = {};
    };
    const { host } = await maintain({ a, b });
    expect(host('a')).toMatchObject({ status: 'success', upkeep: { snapshots: 5, forgotten: 2 } });
  });

  it('a host whose repository another restic has locked has another turn after the others', async () => {
    const a = keep({ contents: { faults: { check: new BackupError('locked', 'is locked by PID 9') } } });
    const b = keep();
    b.before = () => {
      a.shelf.faults = {};
    };
    const { order, record } = await maintain({ a, b });
    expect(order).toEqual(['a', 'b', 'a']);
    expect(record.status).toBe('success');
    a.shelf.faults = { check: new BackupError('locked', 'is locked by PID 9') };
    const stays = await maintain({ a });
    expect(stays.order).toEqual(['a', 'a']);
    expect(stays.record.status).toBe('failed');
  });

  it('a busy host is not waited for longer than there is time', async () => {
    let spent = 0;
    const b = keep();
    b.before = () => {
      spent = 3_590_000;
    };
    const { waits } = await maintain({ a: keep({ busy: 1 }), b }, { elapsed: () => spent });
    expect(waits).toEqual([0, 0, 10_000]);
  });

  it('one repository that fails does not stop the others (C75)', async () => {
    const { record } = await maintain({ a: keep({ contents: { faults: { prune: fault() } } }), b: keep() });
    expect(record.hosts.map(({ status }) => status)).toEqual(['failed', 'success']);
    expect(record.status).toBe('failed');
  });
});
