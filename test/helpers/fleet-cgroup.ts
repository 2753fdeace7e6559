// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/*
 * systemd-nspawn puts a machine into the cgroup `payload` below the one that it is started in: two that are started in the same
 * one would stop and kill each other's units. So every machine has a cgroup of its own, below that of the test.
 */

/** Where cgroups of version 2 are seen. @throws Error where they are not */
export function groupMount(): string {
  return mountOfGroups().at;
}

/** Fields of mountinfo: number, parent, device, what of the file system is mounted, where, options... */
function mountOfGroups(): { readonly root: string; readonly at: string } {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const [, root, at] = /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(mounts) ?? [];
  if (root !== undefined && at !== undefined) return { root, at };
  const where = '/sys/fs/cgroup/unified';
  throw new Error(
    `Machines cannot be booted here: no cgroup2 file system is mounted. As root: mkdir -p ${where}; mount -t cgroup2 cgroup2 ${where}`,
  );
}

/** The cgroup that this test runs in. */
export function ownGroup(): string {
  const { root, at } = mountOfGroups();
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  return join(at, relative(root, own));
}

/**
 * Makes a cgroup for machines.
 *
 * @throws Error that says what is missing: rights, or a kernel that can end a cgroup as a whole (Linux 5.14)
 */
export function makeGroup(group: string): void {
  try {
    mkdirSync(group, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Machines cannot be booted here: no cgroup can be made for them (${reason}). It takes root; in a container, a privileged one.`,
    );
  }
  if (existsSync(join(group, 'cgroup.kill'))) return;
  throw new Error(`Machines cannot be booted here: there is no ${group}/cgroup.kill, which comes with Linux 5.14.`);
}

/** For sh: `end_group DIRECTORY` kills everything in a cgroup and below, waits until it is gone, and removes the cgroup. */
export const END_GROUP = `
end_group() {
  [ -d "$1" ] || return 0
  echo 1 >"$1/cgroup.kill"
  tries=0
  while grep -qx 'populated 1' "$1/cgroup.events" && [ $((tries += 1)) -le 600 ]; do sleep 0.05; done
  find "$1" -depth -type d -exec rmdir {} +
}
`;

/** For sh: `SCRIPT GROUP COMMAND...` becomes the command, in the cgroup; version 2 is all that the command sees of cgroups. */
export const ENTER_GROUP =
  'echo $$ >"$1/cgroup.procs" && shift && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';
