// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './fleet.ts';
import { makeKeyCheap } from './restic-key.ts';

/* A machine that is client and server of itself, and what is looked at on it while its packages come and go. */

export const ALL = ['backup-common', 'backup-client', 'backup-server'] as const;

/** A configuration file that the admin has changed stays as it is; without this, apt would ask, and fail as nobody answers. */
export const KEEP = '-o Dpkg::Options::=--force-confold';

const PASSWORD = 'of this test';

/** No timer fires by itself, whatever the time is. */
const NEVER = '[Timer]\nOnCalendar=\nOnCalendar=2199-01-01\n';

/**
 * Installs packages with apt, from files.
 * @param directory where they are
 * @returns what apt and the packages said
 */
export function install(machine: Machine, names: readonly string[], directory: string, options = ''): string {
  const into = machine.at('/root/debs');
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into);
  const files = readdirSync(directory).filter((file) => names.some((name) => file.startsWith(`${name}_`)));
  for (const file of files) copyFileSync(join(directory, file), join(into, file));
  const paths = files.map((file) => `/root/debs/${file}`).join(' ');
  // The machine is thrown away: what dpkg writes need not be on the disk before it goes on.
  const all = `-y --no-install-recommends --allow-downgrades -o Dpkg::Options::=--force-unsafe-io ${options}`;
  return machine.run(`DEBIAN_FRONTEND=noninteractive apt-get install ${all} ${paths} 2>&1`);
}

/** Every package of ours that dpkg knows: `backup-client ii 0.4.0`. */
export function installed(machine: Machine): string[] {
  const format = `-f '\${Package} \${db:Status-Abbrev} \${Version}\\n'`;
  const lines = machine.run(`dpkg-query -W ${format} 'backup-*' | tr -s ' ' | sort`).split('\n');
  return lines.filter((line) => line !== '' && !/ un/.test(line));
}

export function addService(machine: Machine, name: string, text: string): void {
  machine.run(`install -d -m 0700 /etc/backup/${name}`);
  machine.write(`/etc/backup/${name}/service.yaml`, text, 0o600);
}

/** Client and server of one machine, `both.example.org`, whose timers are there and never fire. */
export function setUpBoth(machine: Machine): void {
  machine.run("sed -i 's/^base_backup_dir/hostname: both.example.org\\n&/' /etc/backup/client_config.yml");
  addService(machine, 'system/etc', 'service:\n  name: etc\nfiles:\n  paths: [/etc/ssh]\n');
  machine.run('install -d -m 0700 /etc/backup/ssh /srv/restic');
  machine.run("ssh-keygen -q -t ed25519 -N '' -f /etc/backup/ssh/id_ed25519");
  machine.write('/etc/backup/restic.pass', `${PASSWORD}\n`, 0o600);
  machine.write('/usr/local/bin/sink', '#!/bin/sh\ncat >/dev/null\n', 0o755);
  machine.write('/etc/backup/server_config.yml', SERVER_CONFIG.replace('ADDRESS', machine.address), 0o600);
  machine.run(
    `echo "restrict,from=\\"${machine.address}\\" $(cat /etc/backup/ssh/id_ed25519.pub)" >/etc/ssh/backup-client.keys`,
  );
  const print = machine.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub').split(' ')[1];
  machine.run(`backup-server init both.example.org --accept-host-key ${print}`);
  // Each run opens the repository a dozen times.
  makeKeyCheap(machine.at('/srv/restic/both.example.org'), PASSWORD);
  for (const timer of ['local-backup', 'local-backup@', 'backup-server', 'backup-server@']) {
    machine.run(`mkdir -p /etc/systemd/system/${timer}.timer.d`);
    machine.write(`/etc/systemd/system/${timer}.timer.d/never.conf`, NEVER);
  }
  machine.run('systemctl daemon-reload');
}

const SERVER_CONFIG = `global:
  local_temp_base_dir: /var/lib/backup-server/work
  admin_email: admin@example.org
  hostname: backup.example.org
mail:
  command: /usr/local/bin/sink
restic:
  repository_root: /srv/restic
  password_file: /etc/backup/restic.pass
hosts:
  - hostname: both.example.org
    address: ADDRESS
    ssh_user: _local-backup
    ssh_key_file: /etc/backup/ssh/id_ed25519
    remote_tar_dir: /spool
`;

/** Both runs, one after the other, as the timers start them. */
export function runBoth(machine: Machine): void {
  for (const unit of ['local-backup', 'backup-server']) {
    machine.run(`systemctl start ${unit}.service || { journalctl --no-pager -n 40; exit 1; }`);
  }
}

/** How many snapshots there are. */
export function snapshots(machine: Machine): number {
  const command = 'restic -r /srv/restic/both.example.org -p /etc/backup/restic.pass --no-lock snapshots --json';
  return JSON.parse(machine.run(command)).length;
}

/** What no package may touch, with mode, owner and content: `600 root:root /etc/backup/restic.pass`, `<sha256>  /etc/backup/restic.pass`. */
export function belongings(machine: Machine): string[] {
  const places = '/etc/backup/ssh /etc/backup/restic.pass /etc/backup/system /etc/ssh/backup-client.keys /srv/restic';
  const kept = '/var/spool/backup/spool /var/lib/backup-client/runs /var/lib/backup-server';
  // These can be had again: a purge removes them.
  const without =
    '-path /var/lib/backup-server/live -o -path "*/restic-cache" -o -path "*/logs" -o -name timers-stopped';
  const find = `find ${places} ${kept} \\( ${without} \\) -prune -o -type f`;
  const lines = machine.run(`${find} -printf '%m %u:%g %p\\n'; ${find} -print0 | xargs -0 sha256sum`);
  return lines.trim().split('\n').sort();
}

/** Waits until a command line in a machine ends with success; a minute is enough for everything here. */
export async function until(machine: Machine, line: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (machine.run(`if ${line}; then echo yes; fi`) === 'yes\n') return;
    await sleep(200);
  }
  throw new Error(`${machine.name}: never came true: ${line}\n${machine.run('journalctl --no-pager -n 40')}`);
}
