// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A program that must be there, and the Debian package that brings it.
 *
 * @typedef {{ program: string, package: string, why: string }} Need
 */

/** @type {Need[]} */
const DEMO = [
  { program: 'restic', package: 'restic', why: 'the store that keeps the history' },
  { program: 'sshd', package: 'openssh-server', why: 'the SSH server that a client is reached by' },
  { program: 'ssh-keygen', package: 'openssh-client', why: 'makes throw-away keys' },
  { program: 'sqlite3', package: 'sqlite3', why: 'the database of the sample application' },
];

/** @type {Need[]} */
const DEB = [
  { program: 'dh', package: 'debhelper', why: 'puts Debian packages together' },
  { program: 'make', package: 'make', why: 'runs debian/rules' },
];

/** @type {Need[]} */
const MACHINES = [
  { program: 'debootstrap', package: 'debootstrap', why: 'makes the file systems of the machines' },
  { program: 'systemd-nspawn', package: 'systemd-container', why: 'boots them' },
  { program: 'ip', package: 'iproute2', why: 'connects them' },
  { program: 'pgrep', package: 'procps', why: 'finds their first process' },
  { program: 'git', package: 'git', why: 'has the version before this one, which is upgraded' },
];

/** @type {Need[]} */
const FLEET = [...DEB, ...MACHINES, { program: 'ssh-keygen', package: 'openssh-client', why: 'makes their host keys' }];

/** @type {Need[]} */
const TEST = [
  ...DEMO,
  ...DEB,
  ...MACHINES,
  { program: 'setfattr', package: 'attr', why: 'extended attributes must survive' },
  { program: 'setfacl', package: 'acl', why: 'ACLs must survive' },
  { program: 'setcap', package: 'libcap2-bin', why: 'file capabilities must survive' },
  { program: 'mkfs.ext4', package: 'e2fsprogs', why: 'small file systems that get full' },
  { program: 'mount', package: 'mount', why: 'mounts these file systems' },
  { program: 'rclone', package: 'rclone', why: 'serves repositories to restic as a REST server' },
  { program: 'fusermount', package: 'fuse3', why: 'restic mounts snapshots with it' },
  { program: 'unshare', package: 'util-linux', why: 'namespaces that unpacking happens in' },
  { program: 'age', package: 'age', why: 'opens recovery kits without this program' },
  { program: 'initdb', package: 'postgresql', why: 'PostgreSQL databases are dumped and loaded' },
  { program: 'mariadbd', package: 'mariadb-server', why: 'MariaDB databases are dumped and loaded' },
  { program: 'mariabackup', package: 'mariadb-backup', why: 'physical copies of MariaDB' },
  { program: 'redis-server', package: 'redis-server', why: 'Redis databases are saved and put back' },
  { program: 'openssl', package: 'openssl', why: 'throw-away certificates for connections by TLS' },
  { program: 'slapd', package: 'slapd', why: 'LDAP directories are saved and put back' },
  { program: 'ldapadd', package: 'ldap-utils', why: 'fills and asks LDAP directories' },
  { program: 'influxd', package: 'influxdb', why: 'InfluxDB databases are saved and put back' },
  { program: 'influx', package: 'influxdb-client', why: 'fills and asks InfluxDB databases' },
  { program: 'mkfs.btrfs', package: 'btrfs-progs', why: 'snapshots of btrfs' },
  { program: 'zfs-fuse', package: 'zfs-fuse', why: 'snapshots of ZFS without a kernel module' },
  { program: 'svnadmin', package: 'subversion', why: 'what a module of the original saves' },
  { program: 'python3', package: 'python3', why: 'plugins in a language of the admin' },
  { program: 'lintian', package: 'lintian', why: 'looks for mistakes in Debian packages' },
  { program: 'groff', package: 'groff-base', why: 'shows manual pages' },
  { program: 'systemd-analyze', package: 'systemd', why: 'rates how far units are confined' },
  { program: 'fish', package: 'fish', why: 'completes command lines' },
  { program: 'zsh', package: 'zsh', why: 'reads completions' },
];

/** @type {Need[]} */
const BENCH = [
  ...DEMO,
  { program: 'rsync', package: 'rsync', why: 'the reference pipeline copies with it' },
  { program: 'jq', package: 'jq', why: 'the reference pipeline reads JSON with it' },
];

/** What each purpose needs. */
const NEEDS = { demo: DEMO, test: TEST, bench: BENCH, 'build:deb': DEB, fleet: FLEET };

/** Where Debian has programs; sshd and mkfs are not on the PATH of ordinary users, initdb on nobody's. */
const folders = () => [
  ...new Set([...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/bin']),
  ...(existsSync(POSTGRESQL) ? readdirSync(POSTGRESQL).map((version) => `${POSTGRESQL}/${version}/bin`) : []),
];

const POSTGRESQL = '/usr/lib/postgresql';

/** @param {string} program */
function isThere(program) {
  return folders().some((folder) => {
    try {
      accessSync(`${folder}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * @param {string} purpose
 * @returns {purpose is keyof typeof NEEDS}
 */
export const isPurpose = (purpose) => Object.hasOwn(NEEDS, purpose);

/**
 * Installs the Debian packages that are missing for a purpose, saying so first. No service is started or enabled by it.
 *
 * @param {keyof typeof NEEDS} purpose
 */
export function ensureSystemPackages(purpose) {
  const missing = NEEDS[purpose].filter(({ program }) => !isThere(program));
  if (missing.length === 0) return;
  const packages = missing.map((need) => need.package);
  console.log(`Missing for \`npm ${purpose === 'test' ? 'test' : `run ${purpose}`}\`:`);
  for (const need of missing) console.log(`  ${need.package.padEnd(16)} ${need.program}: ${need.why}`);
  const command = `apt-get install ${packages.join(' ')}`;
  if (!isThere('apt-get')) {
    throw new Error(`This is no Debian or Ubuntu. Install these programs: ${missing.map((n) => n.program).join(', ')}`);
  }
  if (!isRoot() && !isThere('sudo')) {
    throw new Error(
      `Packages are installed by root, and sudo is not there. Type this as root, then start again:\n  ${command}`,
    );
  }
  console.log(`Installing them now${isRoot() ? '' : ' with sudo'}; no service is started or enabled by that.`);
  const status = install(packages);
  const left = missing.filter(({ program }) => !isThere(program));
  if (status === 0 && left.length === 0) return;
  const what =
    left.length > 0 ? `${left.map((n) => n.program).join(', ')} still missing` : `apt-get ended with ${status}`;
  throw new Error(
    `Packages could not be installed: ${what}. The lines above say why. Then type as root:\n  ${command}`,
  );
}

const isRoot = () => process.getuid?.() === 0;

/** @param {string[]} packages */
function install(packages) {
  const script = fileURLToPath(new URL('../install-packages.sh', import.meta.url));
  // Without a terminal sudo could only wait for a password that nobody types.
  const sudo = process.stdin.isTTY ? ['sudo'] : ['sudo', '-n'];
  const [program = '', ...args] = [...(isRoot() ? [] : sudo), 'sh', script, ...packages];
  return spawnSync(program, args, { stdio: 'inherit' }).status;
}
