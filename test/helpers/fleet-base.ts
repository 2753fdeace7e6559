// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Release = 'bookworm' | 'trixie';

const MIRROR = 'http://deb.debian.org/debian';

/** What the packages of this project depend on is there already: nothing is fetched once a machine is booted. */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'ca-certificates',
  'iproute2',
  'nodejs',
  'restic',
  'attr',
];

/** Base file systems: outside of the repository, kept from one run to the next. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'local-backup-system-fleet');

/**
 * The file system of a release, made by debootstrap where it is not there yet.
 *
 * @throws Error when debootstrap fails or takes more than a quarter of an hour
 */
export function baseOf(release: Release): string {
  const base = join(CACHE, release);
  if (existsSync(base)) return base;
  mkdirSync(CACHE, { recursive: true });
  const making = mkdtempSync(join(CACHE, `.${release}-`));
  const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, release, making, MIRROR];
  try {
    execFileSync('debootstrap', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 15 * 60_000 });
    renameSync(making, base);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another run has made it at the same time: whole, as it is renamed last.
    if (!existsSync(base)) throw error;
  }
  return base;
}
