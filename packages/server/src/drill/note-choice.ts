// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import { formatCount } from '../report/text.ts';
import type { Trail } from '../report/trail.ts';
import type { Amount, Choice, ServiceAmount } from './drill-choice.ts';

/** Services named in a message. */
const SERVICES_SHOWN = 10;

/** Tells which part of a snapshot a drill restores, where it is not all. */
export function noteChoice(choice: Choice, { maxBytes }: { readonly maxBytes: number }, trail: Trail): void {
  if (choice.kind !== 'some') return;
  const names = choice.services.map(({ name }) => name);
  const what = `only ${names.slice(0, SERVICES_SHOWN).join(', ')}${names.length > SERVICES_SHOWN ? ', ...' : ''}`;
  const text = `${what}: ${formatBytes(sumOf(choice.services).bytes)}, services chosen at random`;
  if (!choice.forSpace)
    trail.note('choose', `${text}; the snapshot has more than ${formatBytes(maxBytes)} (drill.max_bytes)`);
  else
    trail.warn('choose', `${text}; the rest does not fit. Make room in drill.directory, or set it to a larger disk.`);
  if (choice.never.length > 0) trail.warn('choose', neverText(choice.never, maxBytes));
}

/** Chance would never come to these. */
function neverText(services: readonly ServiceAmount[], maxBytes: number): string {
  const named = services.slice(0, SERVICES_SHOWN).map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`);
  const more = services.length > named.length ? `, ... (${formatCount(services.length)} in all)` : '';
  return (
    `never proven by drills as they are: ${named.join(', ')}${more}, larger than drill.max_bytes ` +
    `(${formatBytes(maxBytes)}) or than the room in drill.directory. Raise it, or give a larger disk.`
  );
}

function sumOf(amounts: readonly Amount[]): Amount {
  return amounts.reduce((sum, { bytes, entries }) => ({ bytes: sum.bytes + bytes, entries: sum.entries + entries }), {
    bytes: 0,
    entries: 0,
  });
}
