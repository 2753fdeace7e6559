// SPDX-License-Identifier: AGPL-3.0-or-later
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planRetention } from '../../packages/server/src/maintenance/retention.ts';
import { forgeRepository, type ResticForge } from '../helpers/restic-forge.ts';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';

const never = new AbortController().signal;
const DAY = 86_400_000;
const SEEDS = [1, 2, 3, 4];

/** Numbers below a limit, the same in every run. */
function generator(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function randomPolicy(next: (limit: number) => number): readonly string[] {
  const counted = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'].flatMap((unit) => {
    return next(3) === 0 ? [`--keep-${unit}`, String(1 + next(9))] : [];
  });
  const within = next(3) === 0 ? ['--keep-within', `${1 + next(60)}d`] : [];
  const words = [...counted, ...within, ...(next(4) === 0 ? ['--keep-within-weekly', '1y2m'] : [])];
  return words.length > 0 ? words : ['--keep-daily', '7'];
}

describe.each(RESTIC_SERIES)('retention as restic %s decides it', (series) => {
  let lab: ResticLab;
  let forge: ResticForge;
  let snapshots: string;
  beforeAll(async () => {
    lab = await createResticLab(series);
    forge = await forgeRepository(lab, 'web1');
    snapshots = join(lab.repositoryOf('web1'), 'snapshots');
  });
  afterAll(() => lab.remove());

  /** Two years of snapshots: close together, far apart, with tags and paths of their own; and some of another host. */
  const fill = (
    next: (limit: number) => number,
  ): { readonly own: readonly string[]; readonly others: readonly string[] } => {
    for (const name of readdirSync(snapshots)) rmSync(join(snapshots, name));
    let time = Date.now() - DAY;
    const make = (hostname: string) => {
      time -= next(4) === 0 ? next(40 * DAY) : next(DAY);
      const tags = next(3) === 0 ? [`tag${next(9)}`] : [hostname, String(time)];
      return forge.snapshot({ time: new Date(time).toISOString(), hostname, tags, paths: [`/live/${next(5)}`] });
    };
    const own = Array.from({ length: 10 + next(60) }, () => make('web1'));
    return { own, others: Array.from({ length: 5 }, () => make('web10')) };
  };
  const left = () => new Set(readdirSync(snapshots));

  test.each(SEEDS)('what is judged is what restic itself would do, seed %i', async (seed) => {
    const next = generator(seed);
    const { own, others } = fill(next);
    const policy = randomPolicy(next);
    const upkeep = lab.upkeep('web1');
    const judged = await upkeep.judge(policy, never);
    expect(new Set(judged.map(({ id }) => id))).toEqual(new Set(own));
    expect(judged.map(({ time }) => time)).toEqual(judged.map(({ time }) => time).sort());

    const words = ['--host', 'web1', '--group-by', 'host', ...policy];
    cpSync(snapshots, `${snapshots}.before`, { recursive: true, preserveTimestamps: true });
    lab.restic('web1', 'forget', ...words);
    const leftByRestic = left();
    rmSync(snapshots, { recursive: true });
    cpSync(`${snapshots}.before`, snapshots, { recursive: true, preserveTimestamps: true });
    rmSync(`${snapshots}.before`, { recursive: true });

    const kept = judged.filter(({ reasons }) => reasons.length > 0).map(({ id }) => id);
    expect(new Set([...kept, ...others])).toEqual(leftByRestic);
    const facts = { judged, pinned: new Set<string>(), frozen: [], now: new Date(), keepAtLeast: 1, maxForgetShare: 1 };
    const plan = planRetention(facts);
    expect(plan.refused).toEqual([]);
    await upkeep.forget(
      plan.forget.map(({ id }) => id),
      never,
    );
    expect(left()).toEqual(leftByRestic);
    const again = await upkeep.judge(policy, never);
    expect(again.filter(({ reasons }) => reasons.length === 0)).toEqual([]);
    expect(again).toHaveLength(kept.length);
  });

  test('ids of another host are not forgotten', async () => {
    const { own, others } = fill(generator(99));
    await lab.upkeep('web1').forget(others, never);
    expect(left()).toEqual(new Set([...own, ...others]));
  });

  test('more snapshots than fit on one command line are forgotten', async () => {
    for (const name of readdirSync(snapshots)) rmSync(join(snapshots, name));
    const start = Date.now() - DAY;
    const ids = Array.from({ length: 450 }, (_none, index) => {
      return forge.snapshot({ time: new Date(start - index * 60_000).toISOString(), hostname: 'web1' });
    });
    const upkeep = lab.upkeep('web1');
    expect(await upkeep.judge(['--keep-last', '3'], never)).toHaveLength(450);
    await upkeep.forget(ids.slice(3), never);
    expect(left()).toEqual(new Set(ids.slice(0, 3)));
  });
});
