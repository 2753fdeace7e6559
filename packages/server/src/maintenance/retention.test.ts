// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import type { Judged } from '../stores/upkeep.ts';
import { dataShareOf, planRetention, type RetentionFacts } from './retention.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const DAY = 86_400_000;

/** A snapshot that is `days` old; the policy keeps those with reasons. */
function aged(days: number, ...reasons: readonly string[]): Judged {
  const id = String(days).padStart(64, '0');
  return { id, time: new Date(NOW.getTime() - days * DAY).toISOString(), tags: [], reasons };
}

/** Eight that stay and two that go, where nothing stands against it. */
const ORDINARY: RetentionFacts = {
  judged: [aged(10), aged(9), ...[8, 7, 6, 5, 4, 3, 2, 1].map((days) => aged(days, 'daily snapshot'))],
  pinned: new Set(),
  frozen: [],
  now: NOW,
  keepAtLeast: 3,
  maxForgetShare: 0.9,
};

const shown = (snapshots: readonly Judged[]) => snapshots.map(({ id }) => Number(id));

describe('the plan of a host', () => {
  test('what the policy lets go goes, the rest stays for its reasons', () => {
    const { keep, forget, refused } = planRetention(ORDINARY);
    expect(refused).toEqual([]);
    expect(shown(forget)).toEqual([10, 9]);
    expect(shown(keep.map(({ snapshot }) => snapshot))).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(keep[0]?.reasons).toEqual(['daily snapshot']);
  });

  test('pinned ones stay, and tell so', () => {
    const pinned = new Set([aged(10).id, aged(8).id, 'unknown']);
    const { keep, forget } = planRetention({ ...ORDINARY, pinned });
    expect(shown(forget)).toEqual([9]);
    expect(keep.map(({ reasons }) => reasons).slice(0, 2)).toEqual([['pinned'], ['daily snapshot', 'pinned']]);
  });

  const many = (going: number, staying: number) => [
    ...Array.from({ length: going }, (_none, index) => aged(1_000 + index)),
    ...Array.from({ length: staying }, (_none, index) => aged(index, 'daily snapshot')),
  ];
  const inFuture = { ...aged(99, 'daily snapshot'), time: '2099-01-01T00:00:00.000Z' };

  test.each<[string, Partial<RetentionFacts>, readonly RegExp[]]>([
    [
      'frozen',
      { frozen: ['web1 is suspicious.', 'The clock moved.'] },
      [/^web1 is suspicious\.$/, /^The clock moved\.$/],
    ],
    ['all would go', { judged: many(5, 0) }, [/all 5 snapshots of the host/]],
    ['too few would be left', { judged: many(2, 2) }, [/let 2 of 4 snapshots go and leave 2, fewer than .*\(3\)/]],
    [
      'too large a share would go',
      { judged: many(45, 5) },
      [/45 of 50 snapshots go at once, which is 90 %; from 90 % on .*forget HOST --max-share 1$/],
    ],
    ['both', { judged: many(20, 2) }, [/leave 2, fewer/, /20 of 22 .* 90.9 %/]],
    ['one from the future', { judged: [aged(50), ...many(0, 5), inFuture] }, [/^1 of 7 .*2099.*2026-06-01/]],
    ['a time that is none', { judged: [...many(0, 5), { ...aged(9), time: 'x' }] }, [/^1 of 6 .* x for example/]],
    ['an id twice', { judged: [...ORDINARY.judged, aged(3, 'weekly snapshot')] }, [/1 of 11 snapshots twice/]],
  ])('nothing goes: %s', (_name, changed, sentences) => {
    const { keep, forget, refused } = planRetention({ ...ORDINARY, ...changed });
    expect(forget).toEqual([]);
    expect(keep).toHaveLength((changed.judged ?? ORDINARY.judged).length);
    expect(refused).toHaveLength(sentences.length);
    for (const [index, sentence] of sentences.entries()) expect(refused[index]).toMatch(sentence);
  });

  test('of a young host nothing goes, which is nothing to warn of', () => {
    const { keep, forget, refused } = planRetention({
      ...ORDINARY,
      judged: [aged(2), aged(1), aged(0, 'daily snapshot')],
    });
    expect({ forget, refused }).toEqual({ forget: [], refused: [] });
    expect(keep.map(({ reasons }) => reasons)).toEqual([['keep_at_least'], ['keep_at_least'], ['daily snapshot']]);
  });

  test('what stays only because nothing may be forgotten says so', () => {
    const { keep } = planRetention({ ...ORDINARY, frozen: ['No.'] });
    expect(keep[0]?.reasons).toEqual(['nothing may be forgotten now']);
  });

  test.each<[string, Partial<RetentionFacts>]>([
    ['an hour ahead', { judged: [...ORDINARY.judged, { ...aged(99, 'x'), time: '2026-06-01T01:00:00.000Z' }] }],
    ['just below the share', { judged: many(44, 5) }],
    ['just enough left', { judged: many(3, 3) }],
    ['any share where it was allowed', { judged: many(97, 3), maxForgetShare: 1 }],
    ['a young host, of which nothing goes', { judged: many(0, 1), maxForgetShare: 0.01 }],
    ['a host without snapshots', { judged: [] }],
    ['pins count as left', { judged: many(5, 2), pinned: new Set([aged(1_000).id]) }],
  ])('no reason to refuse: %s', (_name, changed) => {
    expect(planRetention({ ...ORDINARY, ...changed }).refused).toEqual([]);
  });
});

/** Numbers below a limit, the same in every run (mulberry32). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

test('whatever the facts, only what may go goes', () => {
  let plansThatForget = 0;
  for (let seed = 0; seed < 1_000; seed += 1) {
    const next = generator(seed);
    const judged = Array.from({ length: next(40) }, (_none, index) => {
      const ahead = next(60) === 0 ? 2 * DAY : 0;
      const snapshot = aged(40 - index - (next(100) === 0 ? 1 : 0), ...(next(4) < 2 ? ['daily snapshot'] : []));
      return { ...snapshot, time: new Date(Date.parse(snapshot.time) + 41 * ahead).toISOString() };
    });
    const pinned = new Set(judged.filter(() => next(8) === 0).map(({ id }) => id));
    const frozen = next(10) === 0 ? ['frozen'] : [];
    const facts = { judged, pinned, frozen, now: NOW, keepAtLeast: 1 + next(8), maxForgetShare: (1 + next(100)) / 100 };
    const { keep, forget, refused } = planRetention(facts);
    const all = [...keep.map(({ snapshot }) => snapshot), ...forget];
    expect(new Set(all)).toEqual(new Set(judged));
    expect(all).toHaveLength(judged.length);
    expect(keep.every(({ reasons }) => reasons.length > 0)).toBe(true);
    if (refused.length > 0) expect(forget).toEqual([]);
    if (forget.length === 0) continue;
    plansThatForget += 1;
    expect(frozen).toEqual([]);
    expect(forget.every(({ id, reasons }) => reasons.length === 0 && !pinned.has(id))).toBe(true);
    expect(keep.length).toBeGreaterThanOrEqual(facts.keepAtLeast);
    expect(forget.length / judged.length).toBeLessThan(facts.maxForgetShare);
    expect(judged.every(({ time }) => Date.parse(time) <= NOW.getTime() + DAY / 24)).toBe(true);
  }
  expect(plansThatForget).toBeGreaterThan(100);
});

describe('how much is read back', () => {
  test.each([
    [
      { mode: false, rounds: 12, done: 3 },
      { share: { kind: 'none' }, next: 3 },
    ],
    [
      { mode: true, rounds: 12, done: 3 },
      { share: { kind: 'all' }, next: 3 },
    ],
    [
      { mode: '10%', rounds: 12, done: 3 },
      { share: { kind: 'random', amount: '10%' }, next: 3 },
    ],
    [
      { mode: '500M', rounds: 12, done: 0 },
      { share: { kind: 'random', amount: '500M' }, next: 0 },
    ],
    [
      { mode: '2/5', rounds: 12, done: 0 },
      { share: { kind: 'part', part: 2, of: 5 }, next: 0 },
    ],
    [
      { mode: undefined, rounds: 12, done: 0 },
      { share: { kind: 'part', part: 1, of: 12 }, next: 1 },
    ],
    [
      { mode: undefined, rounds: 12, done: 11 },
      { share: { kind: 'part', part: 12, of: 12 }, next: 0 },
    ],
    [
      { mode: undefined, rounds: 12, done: 12 },
      { share: { kind: 'part', part: 1, of: 12 }, next: 1 },
    ],
    [
      { mode: undefined, rounds: 1, done: 0 },
      { share: { kind: 'all' }, next: 0 },
    ],
    [
      { mode: undefined, rounds: 1_000, done: 255 },
      { share: { kind: 'part', part: 256, of: 256 }, next: 0 },
    ],
    [
      { mode: undefined, rounds: 12, done: 4, checkOptions: ['--read-data'] },
      { share: { kind: 'none' }, next: 4 },
    ],
    [
      { mode: true, rounds: 12, done: 4, checkOptions: ['-v'] },
      { share: { kind: 'all' }, next: 4 },
    ],
  ])('%j gives %j', (facts, plan) => {
    expect(dataShareOf(facts)).toEqual(plan);
  });

  test('all parts are read within so many runs, from wherever it begins', () => {
    for (const rounds of [2, 7, 256]) {
      let done = rounds + 3;
      const parts = new Set<number>();
      for (let run = 0; run < rounds; run += 1) {
        const { share, next } = dataShareOf({ mode: undefined, rounds, done });
        if (share.kind === 'part') parts.add(share.part);
        done = next;
      }
      expect(parts.size).toBe(rounds);
    }
  });
});
