// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';

/** A mounted file system. */
export interface Mount {
  /** Where it is mounted, from the root. */
  readonly point: string;
  /** Its type, as mount(8) shows it. */
  readonly type: string;
}

/** What the kernel or a service makes up on the fly: there is nothing to save, and reading may never end. */
const PSEUDO_TYPES: ReadonlySet<string> = new Set(
  (
    'proc sysfs devtmpfs devpts cgroup cgroup2 securityfs debugfs tracefs pstore bpf configfs mqueue hugetlbfs ' +
    'binfmt_misc fusectl rpc_pipefs autofs nsfs'
  ).split(' '),
);

export interface PseudoMounts {
  /** Mount points below the paths: what is in them is left out. None lies within another one. */
  readonly below: readonly Mount[];
  /** Paths that are inside a pseudo file system, and that file system. */
  readonly inside: readonly { readonly path: string; readonly mount: Mount }[];
}

/** The file systems that are mounted now, in the order of mounting. */
export async function readMounts(): Promise<readonly Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Reads proc_pid_mountinfo(5): `id parent dev root POINT options [fields ...] - TYPE source options`. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    const type = line.split(' - ')[1]?.split(' ')[0];
    return point === undefined || type === undefined ? [] : [{ point: unescapeOctal(point), type }];
  });
}

/**
 * Pseudo file systems that reading `paths` (absolute, links resolved) would come across. Automount points count as such
 * only below a path: one that is named is meant to be mounted.
 */
export function findPseudoMounts(mounts: readonly Mount[], paths: readonly string[]): PseudoMounts {
  // Of several mounts on one point, the last one is seen.
  const seen = [...new Map(mounts.map((mount) => [mount.point, mount])).values()];
  const pseudo = seen.filter(({ type }) => PSEUDO_TYPES.has(type));
  const below = pseudo.filter(({ point }) => paths.some((path) => path !== point && isWithin(point, path)));
  const inside = paths.flatMap((path) => {
    const mount = mountOf(path, seen);
    return mount !== undefined && mount.type !== 'autofs' && PSEUDO_TYPES.has(mount.type) ? [{ path, mount }] : [];
  });
  return { below: below.filter(({ point }) => !below.some((other) => isBelow(point, other.point))), inside };
}

/** The file system that a path is on: the one mounted nearest above it. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts.filter(({ point }) => isWithin(path, point)).sort((a, b) => b.point.length - a.point.length)[0];
}

/** True for the directory itself and for everything below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory);
}

function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** Blanks, tabs, line breaks and backslashes are written as `\ooo`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
