// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { debianMirror } from './debian-mirror.ts';

export type Release = 'bookworm' | 'trixie';

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
  removeUnfinished(release);
  const making = mkdtempSync(join(CACHE, `.${release}-${process.pid}-`));
  process.stderr.write(`The file system of ${release} is made in ${base}, once; this takes minutes.\n`);
  try {
    debootstrap(release, making);
    renameSync(making, base);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another run has made it at the same time: whole, as it is renamed last.
    if (!existsSync(base)) throw error;
  }
  return base;
}

/** What debootstrap mounts is seen by nobody else, and goes with it. @throws Error with the end of its log */
function debootstrap(release: Release, into: string): void {
  const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, release, into, debianMirror()];
  const { status, stdout, error } = spawnSync('unshare', ['--mount', 'debootstrap', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: 15 * 60_000,
  });
  if (status === 0) return;
  const log = join(into, 'debootstrap/debootstrap.log');
  const told = existsSync(log) ? readFileSync(log, 'utf8') : stdout;
  throw new Error(
    `The file system of ${release} cannot be made from ${debianMirror()} (${error?.message ?? `debootstrap ended with ${status}`}):\n${told.slice(-2_000)}`,
  );
}

/** What was begun by a process that is no more. */
function removeUnfinished(release: Release): void {
  for (const name of readdirSync(CACHE)) {
    const [, of, pid] = /^\.(\w+)-(\d+)-/.exec(name) ?? [];
    if (of === release && !existsSync(`/proc/${pid}`)) rmSync(join(CACHE, name), { recursive: true, force: true });
  }
}
