// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { type ChosenSnapshot, newestSnapshot } from '../restore/restore-choice.ts';
import type { Snapshot } from '../stores/store.ts';

/** What a drill restores. Pure: chance is an argument. */

/** A number from 0 to below 1, as Math.random gives it. */
export type Chance = () => number;

/**
 * The newest snapshot that was proven whole; or, with the probability of `olderShare`, an older one, each as likely as
 * the other: what nobody ever restores is what is found broken when it is needed.
 *
 * @param snapshots oldest first
 * @param unproven stamps of saves that were never proven whole
 * @throws BackupError `failed` where there is no snapshot, or none that was proven whole
 */
export function chooseForDrill(
  snapshots: readonly Snapshot[],
  { unproven, host }: { readonly unproven: readonly string[]; readonly host: string },
  { olderShare, chance }: { readonly olderShare: number; readonly chance: Chance },
): ChosenSnapshot {
  const newest = newestSnapshot(snapshots, unproven, host);
  const isProven = ({ tags }: Snapshot) => !tags.some((tag) => unproven.includes(tag));
  if (!isProven(newest.snapshot)) throw nothingProven(newest.snapshot, host);
  const older = snapshots.filter((snapshot) => isProven(snapshot) && snapshot !== newest.snapshot);
  if (older.length === 0 || chance() >= olderShare) return newest;
  const snapshot = pick(older, chance);
  return snapshot === undefined ? newest : { snapshot, why: `one of ${older.length} older ones, chosen at random` };
}

function nothingProven({ id }: Snapshot, host: string): BackupError {
  return new BackupError(
    'failed',
    `The only snapshot of ${host}, ${id.slice(0, 8)}, was not proven whole, so there is nothing to be proven. The next ` +
      `backup stores it again: backup-server backup ${host}`,
  );
}

function pick<Item>(items: readonly Item[], chance: Chance): Item | undefined {
  return items[Math.min(items.length - 1, Math.floor(chance() * items.length))];
}

/** Those whose last successful drill is longest ago first, those that never had one before all; else as they were. */
export function longestWaitingFirst<Named extends { readonly hostname: string }>(
  hosts: readonly Named[],
  last: ReadonlyMap<string, { readonly time: string }>,
): readonly Named[] {
  const timeOf = ({ hostname }: Named) => Date.parse(last.get(hostname)?.time ?? '') || 0;
  return [...hosts].sort((one, other) => timeOf(one) - timeOf(other));
}

/** How much there is to restore, in bytes of content and in entries. */
export interface Amount {
  readonly bytes: number;
  readonly entries: number;
}

export interface ServiceAmount extends Amount {
  /** `<type>/<service>`, as in the live tree. */
  readonly name: string;
}

/** What a snapshot holds: all of it, and the services in it. */
export interface Amounts {
  readonly all: Amount;
  readonly services: readonly ServiceAmount[];
}

/** What is to be restored. */
export type Choice =
  | { readonly kind: 'all' }
  /** Whole services only. `forSpace`: all would have been allowed, and does not fit on the disk. */
  | {
      readonly kind: 'some';
      readonly services: readonly ServiceAmount[];
      readonly forSpace: boolean;
      /** No drill will ever restore these: they are larger than allowed, or than the disk. */
      readonly never: readonly ServiceAmount[];
    }
  /** Not even the smallest service fits on the disk. */
  | { readonly kind: 'nothing'; readonly smallest: Amount };

/** What an entry takes on disk beside its content: its last block and its inode. */
const DISK_BYTES_PER_ENTRY = 4096;

/** Bytes that something takes on disk at most. */
export function diskBytes({ bytes, entries }: Amount): number {
  return bytes + entries * DISK_BYTES_PER_ENTRY;
}

/**
 * All, where `maxBytes` and the disk allow it; else services in random order, as many as fit; at least one that holds
 * something, even if each of those is larger than `maxBytes`.
 *
 * @param limits bytes that a drill may restore, and bytes that are free for it on the disk
 */
export function chooseServices(
  { all, services }: Amounts,
  { maxBytes, room }: { readonly maxBytes: number; readonly room: number },
  chance: Chance,
): Choice {
  const allowed = all.bytes <= maxBytes;
  if ((allowed || services.length === 0) && diskBytes(all) <= room) return { kind: 'all' };
  const fitting = shuffled(services, chance).filter((service) => diskBytes(service) <= room);
  const [first] = fitting;
  if (first === undefined) return { kind: 'nothing', smallest: smallestOf(all, services) };
  const chosen: ServiceAmount[] = [];
  const sum = { bytes: 0, entries: 0 };
  for (const service of fitting) {
    const next = { bytes: sum.bytes + service.bytes, entries: sum.entries + service.entries };
    if (next.bytes > maxBytes || diskBytes(next) > room) continue;
    chosen.push(service);
    Object.assign(sum, next);
  }
  const forSpace = allowed;
  const never = services.filter((service) => diskBytes(service) > room);
  if (sum.bytes > 0) {
    const tooLarge = services.filter((service) => service.bytes > maxBytes && diskBytes(service) <= room);
    return { kind: 'some', services: chosen, forSpace, never: [...never, ...tooLarge] };
  }
  const alone = fitting.find(({ bytes }) => bytes > 0) ?? first;
  return { kind: 'some', services: [alone], forSpace, never };
}

function shuffled<Item>(items: readonly Item[], chance: Chance): readonly Item[] {
  const order = items.map((item) => ({ item, at: chance() }));
  return order.sort((one, other) => one.at - other.at).map(({ item }) => item);
}

function smallestOf(all: Amount, services: readonly ServiceAmount[]): Amount {
  return services.reduce<Amount>((smallest, one) => (diskBytes(one) < diskBytes(smallest) ? one : smallest), all);
}
