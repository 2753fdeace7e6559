// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { PARTS, type Part, PLACES } from './inventory.ts';

/** Words of `restore`: what may be put back into a machine that runs. */
export const RESTORABLE = ['apt', 'packages', 'settings', 'units', 'cron', 'network'] as const;

export type Restorable = (typeof RESTORABLE)[number];

/**
 * Words that are no choice: with the numbers of accounts, the devices of disks or the cluster of another machine, this one
 * would not start, let nobody in, or damage the others.
 */
export type ByHand = 'storage' | 'accounts' | 'proxmox';

/** What the release brings: it tells which one this is, and with that of another one every program would be misled. */
const OF_THE_RELEASE: readonly string[] = ['/etc/os-release', '/etc/debian_version'];

const WORD_OF_PART: Readonly<Record<Part, Restorable | ByHand>> = {
  packages: 'settings',
  units: 'settings',
  network: 'network',
  storage: 'storage',
  proxmox: 'proxmox',
  accounts: 'accounts',
  cron: 'cron',
};

/** The longest come first: `/etc/systemd/network` before `/etc/systemd`. */
const BY_LENGTH = PARTS.flatMap((part) => PLACES[part].map((place) => ({ part, place }))).sort(
  (one, other) => other.place.length - one.place.length,
);

/** A unit, or a directory of one, that is a disk's: this machine would wait for that of another one, and not start. */
export function isUnitOfDisk(name: string): boolean {
  return /\.(?:mount|automount|swap)(?:\.d|\.wants|\.requires)?$/.test(name);
}

/**
 * The word that a file of `system_files` belongs to; undefined where it is none of what was asked for, or stays that of the
 * release.
 * @param path relative to the root
 */
export function wordOf(path: BytePath): Restorable | ByHand | undefined {
  const absolute = `/${path}`;
  if (OF_THE_RELEASE.includes(absolute)) return undefined;
  const found = BY_LENGTH.find(({ place }) => absolute === place || absolute.startsWith(`${place}/`));
  if (found === undefined) return undefined;
  if (found.place === '/etc/systemd' && path.split('/').some(isUnitOfDisk)) return 'storage';
  return found.place === '/etc/apt' ? 'apt' : WORD_OF_PART[found.part];
}
