// SPDX-License-Identifier: AGPL-3.0-or-later
import { timeOfStamp } from '@local-backup/common/archive-name';
import { showControls } from '@local-backup/common/byte-path';
import type { Pin } from '../maintenance/pins.ts';
import type { Snapshot } from '../stores/store.ts';
import { formatTime, table } from './text.ts';

/** The history of one host. */
export interface HostSnapshots {
  readonly host: string;
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** Stamps of saves that were never proven whole. */
  readonly unproven: readonly string[];
  /** Those that are never forgotten. */
  readonly pins: readonly Pick<Pin, 'snapshot' | 'reason'>[];
}

/** The `YYYYmmdd_HHMMSS` among a snapshot's tags: which archive it was made from. */
export function stampOfSnapshot(snapshot: Snapshot): string | undefined {
  return snapshot.tags.find((tag) => timeOfStamp(tag) !== undefined);
}

/** The snapshots of hosts for people, oldest first. */
export function renderSnapshots(hosts: readonly HostSnapshots[]): readonly string[] {
  return hosts.flatMap((host, index) => [...(index === 0 ? [] : ['']), ...renderOne(host)]);
}

function renderOne({ host, snapshots, unproven, pins }: HostSnapshots): readonly string[] {
  if (snapshots.length === 0) return [`${host}: no snapshots yet. Make one: backup-server backup ${host}`];
  const rows = snapshots.map((snapshot) => {
    const stamp = stampOfSnapshot(snapshot);
    const pin = pins.find((candidate) => candidate.snapshot === snapshot.id);
    const notes = [
      ...(stamp !== undefined && unproven.includes(stamp) ? ['not proven whole'] : []),
      ...(pin === undefined ? [] : [`pinned: ${showControls(pin.reason)}`]),
    ];
    return [snapshot.id.slice(0, 8), formatTime(snapshot.time), stamp ?? '-', notes.join('; ')];
  });
  return [`${host}: ${snapshots.length} snapshots`, ...table([['ID', 'Stored', 'Archive', ''], ...rows])];
}
