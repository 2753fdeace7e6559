// SPDX-License-Identifier: AGPL-3.0-or-later
import { saysWhatToRead } from '../config/restic-options.ts';
import type { DataShare, Judged } from '../stores/upkeep.ts';

/** All that decides which snapshots of one host go. */
export interface RetentionFacts {
  /** Every snapshot of the host, with what the policy says about it. */
  readonly judged: readonly Judged[];
  /** Ids of snapshots that are kept whatever the policy says. */
  readonly pinned: ReadonlySet<string>;
  /** Why nothing of this host may be forgotten at present, a sentence each; empty: nothing stands against it. */
  readonly frozen: readonly string[];
  readonly now: Date;
  /** So many snapshots are always left. */
  readonly keepAtLeast: number;
  /** This share of all snapshots, between 0 and 1, or more of them never goes at once. */
  readonly maxForgetShare: number;
}

/** What happens to each snapshot: every one is in `keep` or in `forget`. */
export interface Retention {
  readonly keep: readonly { readonly snapshot: Judged; readonly reasons: readonly string[] }[];
  readonly forget: readonly Judged[];
  /** Why nothing may be forgotten, a sentence each; `forget` is empty then. */
  readonly refused: readonly string[];
}

/** The reason of a snapshot that the policy lets go and that stays because nothing may be forgotten. */
const STAYS = 'nothing may be forgotten now';

/** The same where the host has no more snapshots than are always left. */
const YOUNG = 'keep_at_least';

/** Clocks that differ by less than this are no sign of anything. Milliseconds. */
const CLOCK_TOLERANCE = 3_600_000;

/**
 * What the policy lets go may go, unless that would be more than a policy in its ordinary work takes away: a clock that is
 * wrong, a snapshot from the future or a mistyped number can make any policy drop the whole history.
 */
export function planRetention(facts: RetentionFacts): Retention {
  const { judged, pinned, keepAtLeast } = facts;
  // A young host: that several snapshots of its first day are more than a policy wants is nothing to warn of.
  const young = judged.length <= keepAtLeast;
  const mayGo = young ? [] : judged.filter(({ id, reasons }) => reasons.length === 0 && !pinned.has(id));
  const refused = [...facts.frozen, ...doubtsAboutList(facts), ...doubtsAboutAmount(mayGo.length, facts)];
  const forget = refused.length > 0 ? [] : mayGo;
  const goes = new Set(forget);
  const keep = judged
    .filter((snapshot) => !goes.has(snapshot))
    .map((snapshot) => ({ snapshot, reasons: reasonsOf(snapshot, pinned, young ? YOUNG : STAYS) }));
  return { keep, forget, refused };
}

function reasonsOf({ id, reasons }: Judged, pinned: ReadonlySet<string>, otherwise: string): readonly string[] {
  const all = pinned.has(id) ? [...reasons, 'pinned'] : reasons;
  return all.length > 0 ? all : [otherwise];
}

function doubtsAboutList({ judged, now }: RetentionFacts): readonly string[] {
  const doubts: string[] = [];
  const twice = judged.length - new Set(judged.map(({ id }) => id)).size;
  if (twice > 0) {
    doubts.push(
      `The store lists ${twice} of ${judged.length} snapshots twice. Look at the repository before anything goes.`,
    );
  }
  // A time that cannot be read is not in the past either.
  const future = judged.filter(({ time }) => !(Date.parse(time) <= now.getTime() + CLOCK_TOLERANCE));
  const [first] = future;
  if (first !== undefined) {
    doubts.push(
      `${future.length} of ${judged.length} snapshots are dated in the future, ${first.id.slice(0, 8)} with ` +
        `${first.time} for example, while the clock of the server says ${now.toISOString()}. A policy would count them ` +
        'as the newest and let real ones go. Set the clock right; a snapshot that stays in the future is removed by ' +
        'hand with "restic forget".',
    );
  }
  return doubts;
}

function doubtsAboutAmount(going: number, { judged, keepAtLeast, maxForgetShare }: RetentionFacts): readonly string[] {
  if (going === 0) return [];
  const all = judged.length;
  const left = all - going;
  if (left === 0) return [`The policy would let all ${all} snapshots of the host go. Mend the policy.`];
  const doubts: string[] = [];
  if (left < keepAtLeast) {
    doubts.push(
      `The policy would let ${going} of ${all} snapshots go and leave ${left}, fewer than restic.maintenance.keep_at_least ` +
        `(${keepAtLeast}). Let the policy keep more, or lower that key.`,
    );
  }
  if (going / all >= maxForgetShare) {
    doubts.push(
      `The policy would let ${going} of ${all} snapshots go at once, which is ${percent(going / all)}; from ` +
        `${percent(maxForgetShare)} on nothing is forgotten. If that is what you want, raise ` +
        'restic.maintenance.max_forget_share, or allow it once with: backup-server forget HOST --max-share 1',
    );
  }
  return doubts;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** How much of the stored data a run reads back, and how far the round through all of it has come then. */
export interface DataPlan {
  readonly share: DataShare;
  /** Parts of the present round that have been read once a check of `share` has found no problem; else it stays `done`. */
  readonly next: number;
}

/** restic tells parts by the first byte of a pack's name. */
const MOST_PARTS = 256;

/**
 * @param facts.mode all (true), nothing (false), a share such as `10%` or `1/5`, or undefined: the next part of a round
 * @param facts.rounds in how many runs everything has been read; restic can do no more than 256 parts
 * @param facts.done parts of the present round that were read without a problem
 * @param facts.checkOptions further words for the check: where they say how much is read, nothing is added to that
 */
export function dataShareOf(facts: {
  readonly mode: boolean | string | undefined;
  readonly rounds: number;
  readonly done: number;
  readonly checkOptions?: readonly string[];
}): DataPlan {
  const { mode, done, checkOptions = [] } = facts;
  if (saysWhatToRead(checkOptions) || mode === false) return { share: { kind: 'none' }, next: done };
  if (mode === true) return { share: { kind: 'all' }, next: done };
  if (typeof mode === 'string') return { share: shareOf(mode), next: done };
  const of = Math.min(Math.max(facts.rounds, 1), MOST_PARTS);
  const part = (done % of) + 1;
  return { share: of === 1 ? { kind: 'all' } : { kind: 'part', part, of }, next: part % of };
}

function shareOf(mode: string): DataShare {
  const [, part, of] = /^(\d+)\/(\d+)$/.exec(mode) ?? [];
  return part === undefined ? { kind: 'random', amount: mode } : { kind: 'part', part: Number(part), of: Number(of) };
}
