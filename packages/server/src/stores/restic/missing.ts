// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Snapshot } from '../store.ts';

/** A copy has another id, and the same time, tags and content. */
function identityOf({ time, tags }: Snapshot): string {
  return [time, ...[...tags].sort()].join('\n');
}

/** Those of `here` that are not there, oldest first. Both lists oldest first. */
export function absentIn(here: readonly Snapshot[], there: readonly Snapshot[]): readonly Snapshot[] {
  const known = new Set(there.map(identityOf));
  return here.filter((snapshot) => !known.has(identityOf(snapshot)));
}

/**
 * What has to be copied. Where the copy forgets by a policy of its own, what is older than its newest snapshot was forgotten
 * there on purpose: it would be copied and forgotten for ever. Snapshots are copied oldest first, so an interrupted copy
 * leaves no gap that this could hide.
 */
export function toBeCopied(
  here: readonly Snapshot[],
  there: readonly Snapshot[],
  { onlyNewer }: { readonly onlyNewer: boolean },
): readonly Snapshot[] {
  const absent = absentIn(here, there);
  if (!onlyNewer) return absent;
  const last = here.at(-1)?.time ?? '';
  // A time that the first repository has not reached comes from a clock that was wrong, and says nothing.
  const reached = [...there].reverse().find(({ time }) => time <= last)?.time ?? '';
  return absent.filter(({ time }) => time > reached);
}
