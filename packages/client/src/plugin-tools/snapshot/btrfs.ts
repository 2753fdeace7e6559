// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, readdir, realpath, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { isBelow, isWithin, type Mount } from './mounts.ts';
import { type Layer, type MakeOptions, type Part, runTool, type SnapshotIo, type SnapshotMaker } from './part.ts';

type BtrfsPart = Extract<Part, { kind: 'btrfs' }>;

/** The root directory of every subvolume has this inode number. */
const SUBVOLUME_INODE = 256;

/** Docker makes hundreds, and each would be a mount. */
const MOST_SUBVOLUMES = 250;

/**
 * Snapshots of all subvolumes that are read, in one directory at the top of the file system: outside of what is saved,
 * wherever that is mounted. A nested subvolume is an empty directory in the snapshot around it, so it gets one of its own.
 */
export const btrfs: SnapshotMaker<BtrfsPart> = {
  async make({ device }, options, io) {
    const top = options.directory;
    await mountTop(device, top, io);
    const holder = join(top, `.${options.name}`);
    await makeHolder(top, holder);
    const { subvolumes, unknown } = await listSubvolumes(top, io);
    const wanted = options.mounts.flatMap((mount) => wantedOf(mount, subvolumes, options));
    const names = [...new Set(wanted.map(({ subvolume }) => subvolume))];
    if (names.length > MOST_SUBVOLUMES) throw tooMany(names.length);
    for (const [index, name] of names.entries()) {
      await runTool(io, ['btrfs', 'subvolume', 'snapshot', '-r', '--', join(top, name), join(holder, `${index}`)]);
    }
    const layers = wanted.map(({ subvolume, rest, point }): Layer => {
      return { point, source: join(holder, `${names.indexOf(subvolume)}`, rest) };
    });
    const lost = options.mounts.flatMap((mount) => nestedOf(mount, unknown, options));
    return { layers, warnings: lost.map(({ point }) => unknownMessage(point)) };
  },

  async remove({ device }, fits, io) {
    const top = io.directory;
    await mountTop(device, top, io);
    const removed: string[] = [];
    for (const name of await readdir(top)) {
      if (!name.startsWith('.') || !fits(name.slice(1))) continue;
      const holder = join(top, name);
      const { uid, mode } = await lstat(holder);
      // Only root can have made that one.
      if (uid !== 0 || (mode & 0o777) !== 0o700) continue;
      await removeHolder(top, holder, io);
      removed.push(`btrfs snapshots ${name} on ${device}`);
    }
    return removed;
  },
};

async function mountTop(device: string, directory: string, io: SnapshotIo): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await runTool(io, ['mount', '-t', 'btrfs', '-o', 'subvolid=5', '--', device, directory]);
}

/** The time of the top directory stays what it was: it may be among what is saved. */
async function makeHolder(top: string, holder: string): Promise<void> {
  const { atime, mtime } = await stat(top);
  await mkdir(holder, { mode: 0o700 });
  await utimes(top, atime, mtime);
}

async function removeHolder(top: string, holder: string, io: SnapshotIo): Promise<void> {
  const { atime, mtime } = await stat(top);
  for (const name of await readdir(holder)) {
    const { ino } = await lstat(join(holder, name));
    if (ino !== SUBVOLUME_INODE) continue;
    await runTool(io, ['btrfs', 'subvolume', 'delete', '--', join(holder, name)]);
  }
  await rmdir(holder);
  await utimes(top, atime, mtime);
}

interface Wanted {
  /** Path of the subvolume from the top; the top is ''. */
  readonly subvolume: string;
  /** What of it is seen. */
  readonly rest: string;
  readonly point: string;
}

/** The subvolume that is mounted, and those that lie in it where it is read. */
function wantedOf(mount: Mount, subvolumes: readonly string[], options: MakeOptions): Wanted[] {
  const seen = mount.root;
  const around = subvolumes.filter((name) => isWithin(seen, `/${name}`)).sort((a, b) => b.length - a.length)[0] ?? '';
  const own = { subvolume: around, rest: around === '' ? seen : seen.slice(around.length + 1), point: mount.point };
  return [own, ...nestedOf(mount, subvolumes, options)];
}

function nestedOf(mount: Mount, subvolumes: readonly string[], { concerns }: MakeOptions): Wanted[] {
  const seen = mount.root;
  return subvolumes.flatMap((name) => {
    if (!isBelow(`/${name}`, seen)) return [];
    const point = join(mount.point, seen === '/' ? name : name.slice(seen.length));
    return concerns(point, mount) ? [{ subvolume: name, rest: '', point }] : [];
  });
}

interface Subvolumes {
  /** Paths from the top. */
  readonly subvolumes: readonly string[];
  /** What was listed, but is not there: names that are not UTF-8 are changed on the way. */
  readonly unknown: readonly string[];
}

/**
 * All subvolumes of the file system. A name may hold a line break, and so look like a line of its own: what is listed
 * counts only where there is a subvolume.
 */
async function listSubvolumes(top: string, io: SnapshotIo): Promise<Subvolumes> {
  const { stdout, truncated } = await runTool(io, ['btrfs', 'subvolume', 'list', '--', top]);
  if (truncated) throw tooMany(undefined);
  const names = stdout.replace(/\n$/, '').split(/\n?^ID \d+ gen \d+ top level \d+ path /m);
  const found = { subvolumes: [] as string[], unknown: [] as string[] };
  for (const name of names) {
    if (name === '' || name.startsWith('.local-backup-')) continue;
    const list = (await isSubvolume(join(top, name))) ? found.subvolumes : found.unknown;
    list.push(name);
  }
  return found;
}

/** Not where a link leads to one. */
async function isSubvolume(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(() => undefined);
  return facts?.ino === SUBVOLUME_INODE && facts.isDirectory() && (await realpath(path)) === path;
}

function unknownMessage(point: string): string {
  const name = showControls(point);
  return `The btrfs subvolume ${name} has no snapshot, and nothing of it was saved: it is gone, or its name is not UTF-8.`;
}

function tooMany(count: number | undefined): BackupError {
  const many = count === undefined ? 'too many' : `${count}, more than ${MOST_SUBVOLUMES},`;
  return new BackupError(
    'failed',
    `There are ${many} btrfs subvolumes in the paths, each of which needs a snapshot. Leave them out: ` +
      '`exclude: [/var/lib/docker/btrfs/]`.',
  );
}
