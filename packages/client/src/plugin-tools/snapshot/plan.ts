// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import { volumeOf } from './lvm.ts';
import { isBelow, isWithin, type Mount, mountOf, PSEUDO_TYPES, readMounts, visibleMounts } from './mounts.ts';
import type { Part, PartMount, SnapshotIo, SnapshotKind } from './part.ts';
import { SNAPSHOT_DIRECTORY } from './view.ts';

/** What shall be read from a snapshot. */
export interface SnapshotRequest {
  /** `auto`: the best that each file system can, else none. Another: no file system of a path may lack it. */
  readonly kind: 'auto' | SnapshotKind;
  /** Absolute, links resolved, none within another. */
  readonly paths: readonly string[];
  /** Whether nothing in a directory is read, because of a pattern. */
  readonly leavesOut: (directory: string) => boolean;
  /** Whether nothing of another file system is read that is mounted there. */
  readonly staysOut: (point: string) => boolean;
  /** Room for what changes meanwhile, for LVM: `20%` of the volume, or `5G`. */
  readonly size: string;
}

/** What has to be done for it. */
export interface SnapshotPlan {
  /** File systems that are read and have snapshots. */
  readonly parts: readonly PartMount[];
  /** File systems that are read in place, or only lie on the way. */
  readonly live: readonly Mount[];
  /** True: nothing is read in place. */
  readonly complete: boolean;
  readonly warnings: readonly string[];
  readonly concerns: (path: string, mount: Mount) => boolean;
}

const PROGRAMS: Readonly<Record<SnapshotKind, readonly [string, string]>> = {
  btrfs: ['btrfs', 'btrfs-progs'],
  zfs: ['zfs', 'zfsutils-linux'],
  lvm: ['lvcreate', 'lvm2'],
};

/** File systems that a warning names. */
const MOST_NAMED = 10;

/**
 * Which file systems are read, and which of them have snapshots. Changes nothing.
 * @throws BackupError `config` where a file system of a path has no snapshot of the kind that is asked for, or the program
 *   for it is missing
 */
export async function planSnapshots(request: SnapshotRequest, io: SnapshotIo): Promise<SnapshotPlan> {
  const mounts = visibleMounts(await readMounts()).filter(({ point }) => !isWithin(point, SNAPSHOT_DIRECTORY));
  const { paths, leavesOut, staysOut } = request;
  const own = new Set(paths.map((path) => mountOf(path, mounts)));
  const isBeneath = ({ point, type }: Mount) =>
    paths.some((path) => isBelow(point, path)) && !PSEUDO_TYPES.has(type) && !leavesOut(point);
  const isAround = ({ point }: Mount) => paths.some((path) => isWithin(path, point));
  const parts: PartMount[] = [];
  const inPlace: Mount[] = [];
  // What stays out has to be there too, or what it hides on the host would be read.
  const unread = mounts.filter(
    (mount) => !own.has(mount) && (isBeneath(mount) ? staysOut(mount.point) : isAround(mount)),
  );
  for (const mount of mounts.filter((one) => own.has(one) || (isBeneath(one) && !staysOut(one.point)))) {
    const part = await partOf(mount, request.kind, io);
    if (part === undefined) inPlace.push(mount);
    else parts.push({ mount, part });
  }
  if (request.kind !== 'auto')
    requireAll(
      inPlace.filter((mount) => own.has(mount)),
      request.kind,
    );
  const concerns = (path: string, mount: Mount) =>
    mountOf(path, mounts) === mount &&
    !leavesOut(path) &&
    paths.some((other) => isWithin(path, other) || isWithin(other, path));
  const warnings = inPlace.length === 0 ? [] : [inPlaceMessage(inPlace)];
  return { parts, live: [...unread, ...inPlace], complete: inPlace.length === 0, warnings, concerns };
}

async function partOf(mount: Mount, wanted: SnapshotRequest['kind'], io: SnapshotIo): Promise<Part | undefined> {
  const part = await possiblePart(mount, wanted, io);
  if (part === undefined || (wanted !== 'auto' && wanted !== part.kind)) return undefined;
  const [program, name] = PROGRAMS[part.kind];
  if ((await findProgram(program)) !== undefined) return part;
  if (wanted === 'auto') return undefined;
  throw new BackupError('config', `\`snapshot: ${wanted}\` needs ${program}: install the package ${name}.`);
}

/** A file system's own snapshots are better than those of the volume below it. */
async function possiblePart(mount: Mount, wanted: SnapshotRequest['kind'], io: SnapshotIo): Promise<Part | undefined> {
  const { type, source } = mount;
  if (wanted !== 'lvm') {
    if (type === 'btrfs') return { kind: 'btrfs', device: source };
    if (type === 'zfs') return { kind: 'zfs', dataset: source, clone: false };
    if (type === 'fuse.zfs') return { kind: 'zfs', dataset: source, clone: true };
  }
  return wanted === 'lvm' || wanted === 'auto' ? volumeOf(mount, io) : undefined;
}

function requireAll(lacking: readonly Mount[], kind: SnapshotKind): void {
  if (lacking.length === 0) return;
  const list = lacking.map(({ point, type, source }) => `${point} (${type} on ${source})`).join(', ');
  const [program, name] = PROGRAMS[kind];
  const hint = kind === 'lvm' ? ` and ${program} (package ${name}) is installed` : '';
  throw new BackupError(
    'config',
    `\`snapshot: ${kind}\` is not possible, because there are paths on ${list}. ` +
      `Say \`snapshot: auto\`, move them to a service of their own, or look whether they are on ${kind}${hint}.`,
  );
}

function inPlaceMessage(mounts: readonly Mount[]): string {
  const named = mounts.slice(0, MOST_NAMED).map(({ point, type }) => `${showControls(point)} (${type})`);
  const list = [...named, ...(mounts.length > MOST_NAMED ? [`${mounts.length - MOST_NAMED} more`] : [])].join(', ');
  return `Read in place, because no snapshot of it can be made: ${list}. What changes there meanwhile may not fit together.`;
}
