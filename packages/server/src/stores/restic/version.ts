// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';

/** Major, minor, patch. */
export type ResticVersion = readonly [number, number, number];

/** The version of Debian 12; everything older lacks messages and options that we rely on. */
const OLDEST: ResticVersion = [0, 14, 0];

/**
 * What only newer versions have, and since when (restic's changelog; each used one is tested on both sides of its
 * version). `exitCodes`: 10, 11 and 12 came with 0.17.0, 12 works since 0.17.1. `safeMaxCompression`: 0.16.1 and 0.16.4
 * repaired data corruption with `--compression max`.
 */
const SINCE = {
  exitCodes: [0, 17, 1],
  repair: [0, 16, 0],
  retryLock: [0, 16, 0],
  safeMaxCompression: [0, 16, 4],
  sparseRestore: [0, 15, 0],
} as const satisfies Record<string, ResticVersion>;

export type Feature = keyof typeof SINCE;

export function has(version: ResticVersion, feature: Feature): boolean {
  return compare(version, SINCE[feature]) >= 0;
}

/**
 * Reads what `restic version` prints.
 *
 * @throws BackupError `config` when it is not restic or too old
 */
export function requireVersion(output: string, program: string): ResticVersion {
  const found = /^restic (\d+)\.(\d+)(?:\.(\d+))?/m.exec(output);
  if (found === null) {
    throw new BackupError('config', `${program} is not restic: "${program} version" does not tell a restic version.`);
  }
  const version: ResticVersion = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
  if (compare(version, OLDEST) < 0) {
    throw new BackupError(
      'config',
      `${program} is restic ${version.join('.')}, but ${OLDEST.join('.')} or newer is needed. ` +
        'Install the package "restic" of Debian 12 or newer, or set restic_cmd to the path of a newer restic.',
    );
  }
  return version;
}

function compare(left: ResticVersion, right: ResticVersion): number {
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}
