// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { END_GROUP, groupMount, ownGroup } from './fleet-cgroup.ts';

/*
 * Everything of a fleet has the name of its directory: its cgroup, its network namespace. It goes by one way, whether the test
 * asks for it, is interrupted, or is killed.
 */

/** Arguments: the directory of a fleet, where cgroups are seen. Says nothing; what is left is looked for afterwards. */
const REMOVE = `${END_GROUP}
root=$1 name=$(basename "$1")
find "$2" -type d -name "$name" | while read -r group; do end_group "$group"; done
grep -F " $root/" /proc/self/mountinfo | cut -d' ' -f5 | tac | while read -r mount; do umount "$mount" || umount --lazy "$mount"; done
[ ! -e "/run/netns/$name" ] || ip netns del "$name"
rm -rf --one-file-system "$root"
`;

/** @returns what removes the fleet, and settles when that is done; it is removed as well when this process ends, in whatever way */
export function watchOver(root: string): () => Promise<void> {
  // In a session of its own: Ctrl-C and a signal to the group of the test do not reach it. Its input ends with this process.
  const janitor = spawn('sh', ['-c', `cat >/dev/null; ${REMOVE}`, 'fleet-janitor', root, groupMount()], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  janitor.unref();
  const gone = once(janitor, 'exit');
  return async () => {
    janitor.ref();
    janitor.stdin.end();
    await gone;
  };
}

/** Everything of a fleet that is still there, in words: mounts, processes, its cgroup, its network, its directory. */
export function leftoversOf(root: string): readonly string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount.startsWith(`${root}/`));
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(root));
  const places = [root, join('/run/netns', basename(root)), join(ownGroup(), basename(root))];
  return [
    ...mounts.map((mount) => `mounted: ${mount}`),
    ...processes.map((pid) => `running: ${pid} ${commandLine(pid)}`),
    ...places.filter((path) => existsSync(path)).map((path) => `there: ${path}`),
  ];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It has ended since the directory was read.
  }
}

/** Removes what fleets have left that nobody watches over any more: their tests were killed, and what watched over them as well. */
export function removeDeadFleets(): void {
  const names = new Set([...readdirSync(tmpdir()), ...readdirSync(ownGroup())]);
  for (const name of names) {
    const pid = /^fleet-(\d+)-\d+-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    execFileSync('sh', ['-c', REMOVE, 'remove-fleet', join(tmpdir(), name), groupMount()], { stdio: 'ignore' });
  }
}
