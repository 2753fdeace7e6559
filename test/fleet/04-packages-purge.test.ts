// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, belongings, install, installed, runBoth, setUpBoth, snapshots } from '../helpers/packaged-host.ts';

/* What is left when packages go, one after the other, on a machine that is client and server. */

let fleet: Fleet;
let host: Machine;
let before: Set<string>;
const debs = inject('debs');

beforeAll(async () => {
  fleet = createFleet();
  host = await fleet.machine('purge', 'trixie');
  before = everything(host);
});

afterAll(async () => {
  await fleet?.remove();
});

/** Of dpkg, systemd, the boot and the shell, not of these packages. */
const NOT_OURS =
  '/proc /sys /dev /run /tmp /var/tmp /root /var/log /var/cache /var/lib/dpkg /var/lib/apt /var/lib/systemd /var/lib/private';

/** Every file and directory of a machine, with its type. */
function everything(machine: Machine): Set<string> {
  const prune = NOT_OURS.split(' ').map((path) => `-path ${path}`);
  return new Set(
    machine
      .run(`find / \\( ${prune.join(' -o ')} \\) -prune -o -printf '%y %p\\n' | sort`)
      .trim()
      .split('\n'),
  );
}

const added = (before: ReadonlySet<string>, after: ReadonlySet<string>): string[] =>
  [...after].filter((line) => !before.has(line));

/** Schedules of the admin's own are instances of templates. */
const TIMERS = 'local-backup.timer backup-server.timer local-backup@more.timer backup-server@both.example.org.timer';

it('what was installed and never used is gone after a purge, but for the account', () => {
  install(host, ALL, debs);
  expect(added(before, everything(host)).length).toBeGreaterThan(100);
  host.run(`apt-get purge -y ${ALL.join(' ')}`);
  const after = everything(host);
  expect(
    added(before, after).filter((line) => !/^f \/etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-?$/.test(line)),
  ).toEqual([]);
  // dpkg takes an empty directory with it that no package is left in, even this one.
  expect(added(after, before).filter((line) => line !== 'd /opt')).toEqual([]);
  expect(host.run('getent passwd _local-backup')).toMatch(/:\/usr\/sbin\/nologin$/m);
  expect(host.run('passwd -S _local-backup')).toMatch(/^_local-backup L /);
  expect(installed(host)).toEqual([]);
});

it('removed packages leave configuration, data and a working sshd, and come back as they were', () => {
  install(host, ALL, debs);
  setUpBoth(host);
  host.run('cp -p /etc/backup/client_config.yml /etc/backup/more.yml');
  host.run(`systemctl enable --now ${TIMERS}`);
  runBoth(host);
  const had = belongings(host);
  const configuration = host.run('cd /etc && find backup ssh -type f -exec sha256sum {} + | sort');
  host.run(`apt-get remove -y ${ALL.join(' ')}`);
  expect(
    host.run('ls -A /opt/backup /usr/bin/backup-client /lib/systemd/system/local-backup.timer 2>/dev/null || true'),
  ).toBe('');
  expect(
    host.run(
      'systemctl list-units --all --no-legend "local-backup*.timer" "backup-*.timer" "restic-*.timer" | grep -w active || true',
    ),
  ).toBe('');
  expect(belongings(host)).toEqual(had);
  expect(host.run('cd /etc && find backup ssh -type f -exec sha256sum {} + | sort')).toBe(configuration);
  host.run('systemctl restart ssh.service; sshd -t');
  install(host, ALL, debs);
  expect(host.run(`systemctl is-enabled ${TIMERS}`)).toBe('enabled\n'.repeat(4));
  expect(host.run(`systemctl is-active ${TIMERS}`)).toBe('active\n'.repeat(4));
  expect(host.run('systemctl is-active restic-maintenance.timer', 3)).toBe('inactive\n');
  runBoth(host);
  expect(snapshots(host)).toBe(2);
});

/** Calls a script of a package as dpkg does: `backup-client`, `prerm remove`. */
const maintainer = (name: string, call: string, root = '') =>
  host.run(`DPKG_ROOT=${root} DPKG_MAINTSCRIPT_PACKAGE=${name} sh /var/lib/dpkg/info/${name}.${call} 2>&1`);

it('a removal that is broken off leaves the timers as they were; an upgrade does not start one that was stopped', () => {
  for (const name of ['backup-client', 'backup-server']) maintainer(name, 'prerm remove');
  expect(host.run(`systemctl is-active ${TIMERS}`, 3)).toBe('inactive\n'.repeat(4));
  for (const name of ['backup-client', 'backup-server']) maintainer(name, 'postinst abort-remove');
  expect(host.run(`systemctl is-active ${TIMERS}`)).toBe('active\n'.repeat(4));
  host.run('systemctl stop local-backup.timer');
  for (const name of ['backup-client', 'backup-server']) maintainer(name, 'postinst configure 0.3.0');
  expect(host.run('systemctl is-active local-backup.timer', 3)).toBe('inactive\n');
});

it('where sshd is started for each connection, it is not called broken', () => {
  host.run('systemctl stop ssh.service ssh.socket; rm -rf /run/sshd');
  expect(maintainer('backup-client', 'postinst configure 0.3.0')).toBe('');
  host.run('systemctl start ssh.service');
});

it('scripts that are called for another root (DPKG_ROOT) touch nothing of this machine', () => {
  const had = [
    ...belongings(host),
    host.run(`find /var/lib/backup-* -printf '%p %s\n' | sort; systemctl is-active ${TIMERS}; true`),
  ];
  const places =
    'var/lib/backup-server/live var/lib/backup-server/runs var/lib/backup-client/logs var/spool/backup/spool';
  host.run(
    `mkdir /srv/root && cd /srv/root && mkdir -p ${places} var/lib/backup-client/runs/x && touch var/lib/backup-server/live/x`,
  );
  for (const name of ['backup-client', 'backup-server']) {
    for (const call of ['prerm remove', 'postrm remove', 'postrm purge']) {
      maintainer(name, call, '/srv/root');
    }
  }
  expect([
    ...belongings(host),
    host.run(`find /var/lib/backup-* -printf '%p %s\n' | sort; systemctl is-active ${TIMERS}; true`),
  ]).toEqual(had);
  expect(host.run('find /srv/root -path "*backup*" | sort')).toBe(
    '/srv/root/var/lib/backup-client\n/srv/root/var/lib/backup-client/runs\n/srv/root/var/lib/backup-client/runs/x\n',
  );
});

it('a purged client takes nothing from the server on the same machine', () => {
  const had = belongings(host);
  host.run('apt-get purge -y backup-client');
  expect(belongings(host)).toEqual(had);
  expect(host.run('ls /etc/backup')).toBe('common_config\nmore.yml\nrestic.pass\nserver_config.yml\nssh\nsystem\n');
  host.run('systemctl restart ssh.service; sshd -t; systemctl is-active ssh.service; backup-server status');
  expect(host.run('sshd -T -C user=_local-backup,host=x,addr=192.0.2.1 | grep -i forcecommand || true')).toBe(
    'forcecommand none\n',
  );
});

it('a purge of everything leaves what belongs to the admin, and a new installation finds it', () => {
  // Of the same file system as everything else: rm does not know that anything is mounted.
  host.run(
    'mkdir -p /srv/disk /var/lib/backup-server/work/disk /var/lib/backup-server/empty; echo mine >/srv/disk/file',
  );
  host.run('mount --bind /srv/disk /var/lib/backup-server/work/disk');
  const had = belongings(host);
  expect(host.run('apt-get purge -y backup-common backup-server 2>&1')).toContain(
    'work stays: something is mounted there',
  );
  expect(belongings(host)).toEqual(had);
  expect(
    host.run('cat /srv/disk/file; ls -d /var/lib/backup-server/empty; ls -d /var/lib/backup-server/live || true'),
  ).toBe('mine\n/var/lib/backup-server/empty\n');
  host.run('umount /var/lib/backup-server/work/disk');
  had.splice(0, had.length, ...belongings(host));
  const directories = '^(?:d /etc/backup|d /opt/backup)';
  expect(added(before, everything(host)).filter((line) => new RegExp(directories).test(line))).toEqual([
    'd /etc/backup',
    'd /etc/backup/ssh',
    'd /etc/backup/system',
    'd /etc/backup/system/etc',
  ]);
  expect(
    host.run(
      'ls /etc/systemd/system/timers.target.wants | grep -e local-backup -e backup-server || true; systemctl is-active ssh.service',
    ),
  ).toBe('active\n');
  install(host, ALL, debs);
  host.run('backup-client check');
  expect(host.run('stat -c "%a %U:%G" /etc/backup /var/spool/backup/spool')).toBe(
    '750 root:root\n3770 root:_local-backup\n',
  );
  expect(belongings(host)).toEqual(had);
});
