// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ForgetPlan } from '../maintenance/plan-forget.ts';
import { formatTime, labelled, table } from './text.ts';

/** Every snapshot of a host, oldest first, and what becomes of it. */
export function renderForgetPlan(hostname: string, { keep, forget, refused, gone }: ForgetPlan): readonly string[] {
  const rows = [
    ...keep.map(({ snapshot, reasons }) => ({ snapshot, word: 'keep', why: reasons.join(', ') })),
    ...forget.map((snapshot) => ({ snapshot, word: 'forget', why: '' })),
  ].sort((a, b) => Date.parse(a.snapshot.time) - Date.parse(b.snapshot.time));
  return [
    ...table(rows.map(({ snapshot: { id, time }, word, why }) => [id.slice(0, 8), formatTime(time), word, why])),
    `${hostname}: ${rows.length} snapshots, ${keep.length} to keep, ${forget.length} to forget.`,
    ...refused.flatMap((reason) => labelled('Nothing may be forgotten now: ', reason)),
    ...gone.flatMap(({ snapshot, reason }) =>
      labelled('', `Pinned snapshot ${snapshot.slice(0, 8)} ("${reason}") is not there any more.`),
    ),
  ];
}
