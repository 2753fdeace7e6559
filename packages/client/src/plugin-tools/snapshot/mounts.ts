// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';

/** A mounted file system. */
export interface Mount {
  readonly id: string;
  /** The mount that it was mounted on. */
  readonly parent: string;
  /** Where it is mounted, from the root. */
  readonly point: string;
  /** Its type, as mount(8) shows it. */
  readonly type: string;
  /** What of the file system is seen there: `/`, or a directory of it. */
  readonly root: string;
  /** A device, the name of a dataset, or anything else that the file system calls itself. */
  readonly source: string;
}

/** What the kernel or a service makes up on the fly: there is nothing to save, and reading may never end. */
export const PSEUDO_TYPES: ReadonlySet<string> = new Set(
  (
    'proc sysfs devtmpfs devpts cgroup cgroup2 securityfs debugfs tracefs pstore bpf configfs mqueue hugetlbfs ' +
    'binfmt_misc fusectl rpc_pipefs autofs nsfs'
  ).split(' '),
);

/** The file systems that are mounted now, in the order of mounting. */
export async function readMounts(): Promise<readonly Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Reads proc_pid_mountinfo(5): `id parent dev ROOT POINT options [fields ...] - TYPE SOURCE options`. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [first = '', second = ''] = line.split(' - ');
    const [id = '', parent = '', , root, point] = first.split(' ');
    const [type, source] = second.split(' ');
    if (root === undefined || point === undefined || type === undefined || source === undefined) return [];
    const paths = { root: unescapeOctal(root), point: unescapeOctal(point), source: unescapeOctal(source) };
    return [{ id, parent, type, ...paths }];
  });
}

/**
 * Those that can be seen. The order of the list tells nothing: what the initial RAM disk has mounted was moved. A mount is
 * hidden by one on its own root, or by one above it with the same parent, which therefore came later.
 */
export function visibleMounts(mounts: readonly Mount[]): readonly Mount[] {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const isHidden = (mount: Mount, above?: Mount): boolean => {
    const isCovered = mounts.some((other) => {
      if (other === above) return false;
      if (other.parent === mount.id) return other.point === mount.point;
      return other.parent === mount.parent && isBelow(mount.point, other.point);
    });
    const below = byId.get(mount.parent);
    return isCovered || (below !== undefined && below !== mount && isHidden(below, mount));
  };
  return mounts.filter((mount) => !isHidden(mount));
}

/** The file system that a path is on: the one mounted nearest above it. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts.filter(({ point }) => isWithin(path, point)).sort((a, b) => b.point.length - a.point.length)[0];
}

/** True for the directory itself and for everything below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory);
}

/** True for everything below the directory. */
export function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** Blanks, tabs, line breaks and backslashes are written as `\ooo`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
