// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFleet, type Fleet, installPackages, type Machine } from '../helpers/fleet.ts';

/* Two clients and a server, booted, with the packages installed by apt: set up as docs/install.md says. */

let fleet: Fleet;
let web1: Machine;
let web2: Machine;
let backup: Machine;

/** Services by their directories. */
const SERVICES = {
  'system/etc': 'service:\n  name: etc\nfiles:\n  paths: [/etc]\n',
  'data/app': 'service:\n  name: app\nfiles:\n  paths: [/srv/data]\n',
};

/** One that stands still while it is saved, which takes a minute. */
const SLOW = `service:
  name: slow
hooks:
  before: echo off >/srv/state
  after: echo on >/srv/state
command:
  run: sleep 60; echo saved
  stdout: saved.txt
`;

/** Waits, at most a minute and a half, until a command line in a machine ends with success. */
async function until(machine: Machine, line: string): Promise<void> {
  for (let attempt = 0; attempt < 180; attempt += 1) {
    if (machine.run(`if ${line}; then echo yes; fi`) === 'yes\n') return;
    await sleep(500);
  }
  throw new Error(`${machine.name}: never came true: ${line}`);
}

function addService(machine: Machine, name: string, text: string): void {
  machine.run(`install -d -m 0700 /etc/backup/${name}`);
  machine.write(`/etc/backup/${name}/service.yaml`, text, 0o600);
}

function setUpClient(machine: Machine): void {
  installPackages(machine, ['backup-common', 'backup-client']);
  machine.run(`sed -i 's/^base_backup_dir/hostname: ${machine.name}.example.org\\n&/' /etc/backup/client_config.yml`);
  machine.run('mkdir -p /srv/data; echo "of this machine: $(hostname)" >/srv/data/note');
  for (const [name, text] of Object.entries(SERVICES)) addService(machine, name, text);
  machine.run('backup-client check');
}

function hostsSection(clients: readonly Machine[]): string {
  const entry = ({ name, address }: Machine) =>
    `  - hostname: ${name}.example.org\n    address: ${address}\n    ssh_user: _local-backup\n    ssh_key_file: /etc/backup/ssh/id_ed25519\n    remote_tar_dir: /spool\n`;
  return `hosts:\n${clients.map(entry).join('')}`;
}

function setUpServer(clients: readonly Machine[]): void {
  installPackages(backup, ['backup-common', 'backup-server']);
  backup.run('install -d -m 0700 /etc/backup/ssh /srv/restic');
  backup.run("ssh-keygen -q -t ed25519 -N '' -f /etc/backup/ssh/id_ed25519");
  backup.run('(umask 077; head -c 32 /dev/urandom | base64 > /etc/backup/restic.pass)');
  backup.write(
    '/usr/local/bin/sink',
    '#!/bin/sh\nmkdir -p /var/lib/backup-server/mails\ncat >/var/lib/backup-server/mails/$$\n',
    0o755,
  );
  const head =
    'global:\n  local_temp_base_dir: /var/lib/backup-server/work\n  admin_email: admin@example.org\n  hostname: backup.example.org\n' +
    'mail:\n  command: /usr/local/bin/sink\nrestic:\n  repository_root: /srv/restic\n  password_file: /etc/backup/restic.pass\n';
  backup.write('/etc/backup/server_config.yml', head + hostsSection(clients), 0o600);
  const key = backup.run('cat /etc/backup/ssh/id_ed25519.pub').trim();
  for (const client of clients) {
    client.write('/etc/ssh/backup-client.keys', `restrict,from="${backup.address}" ${key}\n`);
    const print = client.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub').split(' ')[1];
    backup.run(`backup-server init ${client.name}.example.org --accept-host-key ${print}`);
  }
}

const mails = () => backup.run('cat /var/lib/backup-server/mails/* 2>/dev/null || true');
const snapshotsOf = (machine: Machine): { id: string }[] =>
  JSON.parse(
    backup.run(`restic -r /srv/restic/${machine.name}.example.org -p /etc/backup/restic.pass snapshots --json`),
  );

beforeAll(async () => {
  fleet = createFleet();
  web1 = await fleet.machine('web1', 'bookworm');
  web2 = await fleet.machine('web2', 'bookworm');
  backup = await fleet.machine('backup', 'bookworm');
}, 20 * 60_000);

afterAll(async () => {
  await fleet?.remove();
}, 120_000);

it('packages install with apt; nothing is started, and the server can do nothing on a client but fetch', () => {
  setUpClient(web1);
  setUpClient(web2);
  setUpServer([web1, web2]);
  expect(web1.run('systemctl is-enabled local-backup.timer', 1)).toBe('disabled\n');
  const ssh = `ssh -o StrictHostKeyChecking=no -o BatchMode=yes -i /etc/backup/ssh/id_ed25519 _local-backup@${web1.address}`;
  expect(backup.run(`${ssh} id || true`)).not.toContain('uid=');
  expect(backup.run(`echo 'get /etc/passwd /tmp/stolen' | sftp -q -b - ${ssh.slice(4)} 2>&1 || true`)).toMatch(
    /not found|No such file/,
  );
  expect(backup.run('backup-server check | grep FAILED || true')).toBe('');
});

it('a run of both units stores both hosts; the mail arrives and the status is green', () => {
  for (const client of [web1, web2]) client.run('systemctl start local-backup.service');
  backup.run('systemctl start backup-server.service');
  expect(mails()).toContain('Backup Run SUCCESSFUL');
  for (const client of [web1, web2]) expect(snapshotsOf(client)).toHaveLength(1);
  expect(backup.run('backup-server status')).toContain('web1.example.org');
});

it('maintenance and drill work in their units', () => {
  for (const unit of ['restic-maintenance', 'backup-drill']) backup.run(`systemctl start ${unit}.service`);
  expect(mails()).toContain('Drill SUCCESSFUL');
  // The unit lets the cage be built that services are looked at in.
  expect(mails()).toMatch(/Services: +4 proven/i);
});

it('a service of one client is restored onto the other', () => {
  backup.run('backup-server restore web1.example.org --service data/app --to-host web2.example.org');
  web2.run('backup-client restore data/app --in-place --yes');
  expect(web2.run('cat /srv/data/note')).toBe('of this machine: web1\n');
});

it('timers start the runs: an archive appears, and is fetched', async () => {
  const often = '[Timer]\nOnCalendar=\nOnCalendar=*-*-* *:*:0/10\nRandomizedDelaySec=0\nAccuracySec=100ms\n';
  for (const [machine, timer] of [
    [web1, 'local-backup'],
    [backup, 'backup-server'],
  ] as const) {
    machine.run(`mkdir -p /etc/systemd/system/${timer}.timer.d`);
    machine.write(`/etc/systemd/system/${timer}.timer.d/often.conf`, often);
    machine.run(`systemctl daemon-reload; systemctl enable --now ${timer}.timer`);
  }
  const before = snapshotsOf(web1).length;
  const count = 'restic -r /srv/restic/web1.example.org -p /etc/backup/restic.pass snapshots --json --no-lock';
  await until(backup, `[ $(${count} | grep -o '"short_id"' | wc -l) -gt ${before} ]`);
  web1.run('systemctl disable --now local-backup.timer');
  backup.run('systemctl disable --now backup-server.timer');
});

it('power cut while a service is stopped: after the boot it runs again', async () => {
  addService(web1, 'app/slow', SLOW);
  web1.run('systemctl start --no-block local-backup.service');
  await until(web1, 'grep -qx off /srv/state');
  await web1.cutPower();
  await web1.boot();
  await until(web1, 'grep -qx on /srv/state');
  web1.run('rm -r /etc/backup/app');
});

it('a client that is down costs the others nothing, and the mail says so', async () => {
  await web2.cutPower();
  const before = snapshotsOf(web1).length;
  web1.run('systemctl start local-backup.service');
  backup.run('systemctl start backup-server.service || true');
  expect(snapshotsOf(web1)).toHaveLength(before + 1);
  expect(mails()).toContain('Backup Run COMPLETED WITH ERRORS');
  await web2.boot();
});
