// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from './errors.ts';

/** What is allowed, for messages and documentation. */
export const BYTES_HELP =
  'a size such as `500M`, `20GiB` (both powers of 1024) or `20GB` (powers of 1000); a plain number is bytes';

const PREFIXES = ['', 'K', 'M', 'G', 'T', 'P'] as const;
const SIZE = /^\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)(iB|B|)\s*$/i;

/** The complaint about a value that is no size, or undefined where it is one. */
export function checkBytes(value: string | number): string | undefined {
  return bytesOfSize(value) === undefined ? `must be ${BYTES_HELP}` : undefined;
}

/**
 * Bytes of `500M`, `20GiB`, `20GB`, or of a plain number of bytes.
 * @throws BackupError `config` where the value is no size
 */
export function parseBytes(value: string | number): number {
  const bytes = bytesOfSize(value);
  if (bytes === undefined) throw new BackupError('config', `"${value}" must be ${BYTES_HELP}`);
  return bytes;
}

/** `1.5 GiB` for people: powers of 1024, at most one decimal. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value >= 1_023.95 && power < PREFIXES.length - 1) {
    value /= 1_024;
    power += 1;
  }
  const unit = power === 0 ? 'B' : `${PREFIXES[power]}iB`;
  return `${Math.round(value * 10) / 10} ${unit}`;
}

function bytesOfSize(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const [, count, prefix = '', suffix = ''] = SIZE.exec(value) ?? [];
  if (count === undefined) return undefined;
  const power = PREFIXES.indexOf(prefix.toUpperCase() as (typeof PREFIXES)[number]);
  if (power === 0 && suffix.toLowerCase() === 'ib') return undefined;
  const base = power > 0 && suffix.toLowerCase() === 'b' ? 1_000 : 1_024;
  const bytes = Math.round(Number(count) * base ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
