// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a fleet is known by on this machine. */
export interface FleetName {
  /** The directory that all of its file systems are in. */
  readonly root: string;
  /** Its network namespace. */
  readonly network: string;
}

/** Everything of a fleet that is still there, in words: mounts, processes, its network, its directory. */
export function leftoversOf({ root, network }: FleetName): readonly string[] {
  const mounts = mountsBelow(root).map((mount) => `mounted: ${mount}`);
  const processes = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(root))
    .map((pid) => `running: ${pid} ${commandLine(pid)}`);
  const places = [root, join('/run/netns', network)].filter((path) => existsSync(path));
  return [...mounts, ...processes, ...places.map((path) => `there: ${path}`)];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It has ended since the directory was read.
  }
}

/** Removes what fleets have left whose tests were killed; their machines have ended with them. */
export function removeDeadFleets(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, number] = /^fleet-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const root = join(tmpdir(), name);
    for (const mount of mountsBelow(root)) execFileSync('umount', ['--lazy', mount]);
    rmSync(root, { recursive: true, force: true });
    const network = networkName(pid, number ?? '');
    if (existsSync(join('/run/netns', network))) execFileSync('ip', ['netns', 'del', network]);
  }
}

/** The network of a fleet, by the process that has made it and a number of its own. */
export const networkName = (pid: number | string, number: number | string): string => `fleet${pid}-${number}`;

/** Innermost first. */
function mountsBelow(root: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return mounts.filter((mount) => mount.startsWith(`${root}/`)).reverse();
}
