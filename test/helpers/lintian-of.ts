// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { baseOf, CACHE, type Release } from './fleet-base.ts';

/** Arguments: what overlay to mount, where, the packages, a file with the name servers; then a command line for inside. */
const INSIDE = `
set -e
mount -t overlay overlay -o "$1" "$2"
mount -t proc proc "$2/proc"
mount --bind /dev "$2/dev"
mount -t tmpfs tmpfs "$2/run"
mount -t tmpfs tmpfs "$2/tmp"
mkdir "$2/tmp/debs"
mount --bind "$3" "$2/tmp/debs"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 \${http_proxy:+http_proxy="$http_proxy"} \\
  DEBIAN_FRONTEND=noninteractive chroot "$2" sh -c "$4"
`;

/**
 * What the lintian of a release says about packages; nothing when all is well. It is installed into a layer over the file system
 * that machines of that release are booted from, once: the layer is kept beside it.
 *
 * @param debs a directory with .deb files
 * @throws Error when lintian finds an error or a warning, with what it says; or when it cannot be installed
 */
export function lintianOf(release: Release, debs: string): string {
  const base = baseOf(release);
  // A layer fits only what it has been made over; numbers of inodes are given again.
  const { ino, birthtimeMs } = statSync(base);
  const layer = join(CACHE, `${release}-lintian-${ino}-${Math.floor(birthtimeMs)}`);
  if (!existsSync(layer)) makeLayer(base, layer);
  const command = 'exec lintian --allow-root --fail-on error,warning /tmp/debs/*.deb 2>&1';
  return inside(`lowerdir=${layer}:${base}`, debs, command, 5 * 60_000);
}

function makeLayer(base: string, layer: string): void {
  const making = mkdtempSync(join(CACHE, '.lintian-'));
  const [upper, work] = ['upper', 'work'].map((name) => join(making, name));
  for (const directory of [upper, work]) mkdirSync(directory ?? '');
  // The name servers of this machine, for as long as it takes.
  const install =
    'cp /tmp/debs/resolv.conf /etc/resolv.conf; apt-get -qq update && apt-get -qq install -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io lintian >/dev/null';
  const etc = mkdtempSync(join(CACHE, '.names-'));
  try {
    execFileSync('cp', ['/etc/resolv.conf', etc]);
    inside(`lowerdir=${base},upperdir=${upper},workdir=${work}`, etc, install, 10 * 60_000);
    renameSync(upper ?? '', layer);
  } catch (error) {
    // Another run has made it at the same time: whole, as it is renamed last.
    if (!existsSync(layer)) throw error;
  } finally {
    for (const directory of [making, etc]) rmSync(directory, { recursive: true, force: true });
  }
}

/** Mounts are those of a namespace, and go with it. */
function inside(overlay: string, debs: string, command: string, timeout: number): string {
  const root = mkdtempSync(join(CACHE, '.root-'));
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', INSIDE, 'inside', overlay, root, debs, command];
  try {
    return execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
