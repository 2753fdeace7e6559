// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Upkeep } from '../../packages/server/src/stores/upkeep.ts';

/** What an upkeep under test has to offer. */
export interface UpkeepHarness {
  readonly upkeep: (host: string) => Upkeep;
  /** Makes the host's place, with a snapshot at each of these times. Returns their ids. */
  readonly seed: (host: string, times: readonly string[]) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

const never = new AbortController().signal;
const TIMES = [1, 2, 3, 4, 5].map((day) => `2026-01-0${day}T10:00:00.000Z`);

/** The tests that every upkeep must pass. They run in order. */
export function describeUpkeep(name: string, open: () => Promise<UpkeepHarness>): void {
  describe(name, () => {
    let harness: UpkeepHarness;
    let upkeep: Upkeep;
    let ids: readonly string[];
    const keepLast = async (count: number) => await upkeep.judge(['--keep-last', String(count)], never);

    beforeAll(async () => {
      harness = await open();
      ids = await harness.seed('web1', TIMES);
      await harness.seed('db1', []);
      upkeep = harness.upkeep('web1');
    });
    afterAll(() => harness.close());

    test('judge tells of every snapshot, oldest first, why it is kept, and changes nothing', async () => {
      for (let round = 0; round < 2; round += 1) {
        const judged = await keepLast(2);
        expect(judged.map(({ id }) => id)).toEqual(ids);
        expect(judged.map(({ time }) => time)).toEqual(TIMES);
        expect(judged.map(({ reasons }) => reasons.length > 0)).toEqual([false, false, false, true, true]);
        expect(judged[4]?.reasons).toEqual(['last snapshot']);
      }
    });

    test('a host without snapshots has none to be judged', async () => {
      expect(await harness.upkeep('db1').judge(['--keep-last', '1'], never)).toEqual([]);
    });

    test('forget removes exactly the snapshots that are named, and may be repeated', async () => {
      const [first = '', , third = ''] = ids;
      for (let round = 0; round < 2; round += 1) {
        await upkeep.forget([first, third], never);
        expect((await keepLast(9)).map(({ id }) => id)).toEqual([ids[1], ids[3], ids[4]]);
      }
      await upkeep.forget([], never);
      await upkeep.forget(['0'.repeat(64)], never);
      expect(await keepLast(9)).toHaveLength(3);
    });

    test('forget takes whole ids only', async () => {
      for (const id of [ids[1]?.slice(0, 8) ?? '', 'latest', '', '--keep-last=1']) {
        await expect(upkeep.forget([id], never)).rejects.toThrow(/whole id/);
      }
      expect(await keepLast(9)).toHaveLength(3);
    });

    test('prune, check and size find all well afterwards', async () => {
      const before = await upkeep.size(never);
      await upkeep.prune(never);
      await upkeep.prune(never);
      const after = await upkeep.size(never);
      expect(after.bytes).toBeGreaterThan(0);
      expect(after.bytes).toBeLessThanOrEqual(before.bytes);
      expect(await upkeep.check({ kind: 'none' }, [], never)).toEqual({ problems: [] });
      expect(await upkeep.check({ kind: 'part', part: 1, of: 2 }, ['--no-cache'], never)).toEqual({ problems: [] });
      expect(await keepLast(9)).toHaveLength(3);
    });

    test('nobody has locked it, and there is nothing to be removed', async () => {
      expect(await upkeep.locks(never)).toEqual([]);
      expect(await upkeep.removeDeadLocks(never)).toEqual({ removed: [], left: [] });
    });

    test('an aborted call rejects and changes nothing', async () => {
      const signal = AbortSignal.abort(new Error('stopped by the test'));
      await expect(upkeep.forget(ids, signal)).rejects.toThrow(/stopped by the test/);
      await expect(upkeep.prune(signal)).rejects.toThrow(/stopped by the test/);
      await expect(upkeep.check({ kind: 'all' }, [], signal)).rejects.toThrow(/stopped by the test/);
      expect(await keepLast(9)).toHaveLength(3);
    });
  });
}
