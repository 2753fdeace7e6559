// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Judged, Upkeep } from '../stores/upkeep.ts';
import { type FreezeFacts, freezeReasons } from './freeze-reasons.ts';
import type { Pin } from './pins.ts';
import { planRetention } from './retention.ts';

/** What is asked before anything is forgotten. */
export interface PlanIo {
  readonly upkeep: Pick<Upkeep, 'judge'>;
  /** Words of the retention policy. */
  readonly policy: readonly string[];
  readonly keepAtLeast: number;
  /** Between 0 and 1. */
  readonly maxForgetShare: number;
  /** Stamps of saves that were never proven whole, see `SaveMarker`. */
  readonly unproven: () => Promise<readonly string[]>;
  /** What else is known of the host. @throws BackupError where something of it cannot be read: nothing is forgotten then */
  readonly circumstances: () => Promise<Omit<FreezeFacts, 'newestProven' | 'now'>>;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** What may be forgotten of a host, and why the rest is kept. Snapshots oldest first. */
export interface ForgetPlan {
  readonly keep: readonly { readonly snapshot: Judged; readonly reasons: readonly string[] }[];
  readonly forget: readonly Judged[];
  /** Why nothing may be forgotten now, a sentence each; `forget` is empty then. */
  readonly refused: readonly string[];
  /** How many snapshots the policy lets go, whether or not they may go now. */
  readonly letGo: number;
  /** Pinned snapshots that are not there any more. */
  readonly gone: readonly Pin[];
}

/** Asks the store what the policy says, and everything else whether that may be done. Changes nothing. */
export async function planForget(io: PlanIo, pins: readonly Pin[]): Promise<ForgetPlan> {
  const { keepAtLeast, maxForgetShare } = io;
  const unproven = await io.unproven();
  const isUnproven = ({ tags }: Judged) => tags.some((tag) => unproven.includes(tag));
  const judged = withStandIns(await io.upkeep.judge(io.policy, io.signal), isUnproven);
  const newestProven = judged.filter((snapshot) => !isUnproven(snapshot)).at(-1)?.time;
  const now = io.now();
  const frozen = freezeReasons({ ...(await io.circumstances()), newestProven, now });
  const pinned = new Set(judged.filter((snapshot) => pins.some((pin) => isOf(pin, snapshot))).map(({ id }) => id));
  const letGo = judged.filter(({ id, reasons }) => reasons.length === 0 && !pinned.has(id));
  const left = judged.filter((snapshot) => !letGo.includes(snapshot) && !isUnproven(snapshot)).length;
  const doubts = letGo.length > 0 && left < keepAtLeast && unproven.length > 0 ? [tooFewText(left, keepAtLeast)] : [];
  const plan = planRetention({ judged, pinned, frozen: [...frozen, ...doubts], now, keepAtLeast, maxForgetShare });
  const gone = pins.filter((pin) => !judged.some((snapshot) => isOf(pin, snapshot)));
  return { ...plan, gone, letGo: letGo.length };
}

/** restic gives a snapshot another id where its tags are changed or it is repaired; its time stays. */
function isOf(pin: Pin, { id, time }: Judged): boolean {
  return pin.snapshot === id || Date.parse(pin.taken) === Date.parse(time);
}

/**
 * A policy keeps one snapshot of each day, week, ...: where that one was never proven whole, the one before it stays as
 * well, for the same reasons.
 * @param judged oldest first
 */
export function withStandIns(judged: readonly Judged[], isUnproven: (snapshot: Judged) => boolean): readonly Judged[] {
  const reasons = judged.map((snapshot) => snapshot.reasons);
  for (const [index, snapshot] of judged.entries()) {
    if (!isUnproven(snapshot) || snapshot.reasons.length === 0) continue;
    const before = [...judged.entries()].filter(([at, other]) => at < index && !isUnproven(other)).at(-1)?.[0];
    if (before === undefined) continue;
    const why = `stands in for ${snapshot.id.slice(0, 8)}, which was never proven whole (${snapshot.reasons.join(', ')})`;
    reasons[before] = [...(reasons[before] ?? []), why];
  }
  return judged.map((snapshot, index) => ({ ...snapshot, reasons: reasons[index] ?? [] }));
}

function tooFewText(proven: number, keepAtLeast: number): string {
  return `Of the snapshots that would be left, only ${proven} were proven whole; at least ${keepAtLeast} have to be (keep_at_least).`;
}
