// SPDX-License-Identifier: AGPL-3.0-or-later

/** `<hostname>-<YYYYmmdd_HHMMSS>.tar.gz`; the time is UTC. */
export interface ArchiveName {
  readonly hostname: string;
  /** `YYYYmmdd_HHMMSS`, sorts by time as text. */
  readonly stamp: string;
}

/** Host names in file names and repository paths: letters, digits, dot, dash, underscore; never a leading dot or dash. */
export const HOSTNAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/;

const STAMP_PATTERN = /^\d{8}_\d{6}$/;
const SUFFIX = '.tar.gz';

/** `20261121_030000` for that moment in UTC. */
export function stampOf(time: Date): string {
  const digits = time.toISOString().replace(/[-:]/g, '');
  return `${digits.slice(0, 8)}_${digits.slice(9, 15)}`;
}

/** The moment that a stamp names, or undefined where it names none (`20261399_000000`). */
export function timeOfStamp(stamp: string): Date | undefined {
  if (!STAMP_PATTERN.test(stamp)) return undefined;
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6Z');
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) || stampOf(time) !== stamp ? undefined : time;
}

/** File name of an archive. */
export function formatArchiveName({ hostname, stamp }: ArchiveName): string {
  return `${hostname}-${stamp}${SUFFIX}`;
}

/** The parts of an archive's file name, or undefined where it is something else. */
export function parseArchiveName(name: string): ArchiveName | undefined {
  if (!name.endsWith(SUFFIX)) return undefined;
  const stem = name.slice(0, -SUFFIX.length);
  const stamp = stem.slice(-15);
  const hostname = stem.slice(0, -16);
  if (stem.at(-16) !== '-' || timeOfStamp(stamp) === undefined || !HOSTNAME_PATTERN.test(hostname)) return undefined;
  return { hostname, stamp };
}
