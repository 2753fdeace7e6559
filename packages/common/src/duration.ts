// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from './errors.ts';

/** What is allowed, for messages and documentation. */
export const DURATION_HELP = 'a time such as `90s`, `15m`, `1h30m` or `2d`; a plain number is seconds';

const UNITS = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const UNIT_MS: ReadonlyMap<string, number> = new Map(UNITS);
const PART = /(\d+(?:\.\d+)?)\s*(ms|[wdhms])\s*/g;
const WHOLE = /^\s*(?:\d+(?:\.\d+)?\s*(?:ms|[wdhms])\s*)+$/;
const PLAIN_NUMBER = /^\s*\d+(?:\.\d+)?\s*$/;

/** The complaint about a value that is no time, or undefined where it is one. */
export function checkDuration(value: string | number): string | undefined {
  return millisecondsOf(value) === undefined ? `must be ${DURATION_HELP}` : undefined;
}

/**
 * Milliseconds of `90s`, `1h30m`, `2d`, or of a plain number of seconds.
 * @throws BackupError `config` where the value is no time
 */
export function parseDuration(value: string | number): number {
  const milliseconds = millisecondsOf(value);
  if (milliseconds === undefined) throw new BackupError('config', `"${value}" must be ${DURATION_HELP}`);
  return milliseconds;
}

/** `1h30m` for 5,400,000 milliseconds; can be read back by {@link parseDuration}. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds);
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

function millisecondsOf(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value * 1_000) : undefined;
  if (PLAIN_NUMBER.test(value)) return Math.round(Number(value) * 1_000);
  if (!WHOLE.test(value)) return undefined;
  let total = 0;
  for (const [, count, unit] of value.matchAll(PART)) total += Number(count) * (UNIT_MS.get(unit ?? '') ?? Number.NaN);
  return Math.round(total);
}
