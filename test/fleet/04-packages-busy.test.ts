// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, addService, install, KEEP, setUpBoth, snapshots, until } from '../helpers/packaged-host.ts';
import { type PreviousPackages, previousPackages } from '../helpers/previous-packages.ts';

/* Packages are upgraded and removed while runs are under way. */

let fleet: Fleet;
let host: Machine;
let previous: PreviousPackages;

/** A service that stands still while it is saved, which takes until somebody says `go`. */
const SLOW = `service:
  name: slow
hooks:
  before: echo off >/srv/state
  after: echo on >/srv/state
command:
  run: until [ -e /srv/go ]; do sleep 0.2; done; echo saved
  stdout: saved.txt
`;

/** A restic that begins to store only when somebody says `go`. */
const SLOW_RESTIC = `#!/bin/sh
case " $* " in *" backup "*)
  : >/run/storing
  until [ -e /run/go ]; do sleep 0.2; done
esac
exec /usr/bin/restic "$@"
`;

/** Print the processes of runs that are under way. */
const CLIENT_RUN = 'pgrep -f "/[u]sr/bin/backup-client backup" || true';
const SERVER_RUN = 'pgrep -f "/[u]sr/bin/backup-server backup|/[u]sr/bin/restic" || true';

const SPOOL = '/var/spool/backup/spool';
const isEnded = (unit: string) => `case $(systemctl is-active ${unit}) in activating) false ;; esac`;
const resultOf = (unit: string) => host.run(`systemctl show -P Result ${unit}`).trim();

async function startClient(): Promise<void> {
  host.run('rm -f /srv/go; systemctl start --no-block local-backup.service');
  await until(host, 'grep -qx off /srv/state');
  expect(host.run(CLIENT_RUN)).not.toBe('');
}

async function startServer(): Promise<void> {
  host.run('rm -f /run/storing /run/go; systemctl start --no-block backup-server.service');
  await until(host, '[ -e /run/storing ]');
  expect(host.run(SERVER_RUN)).not.toBe('');
}

beforeAll(async () => {
  previous = previousPackages();
  fleet = createFleet();
  host = await fleet.machine('busy', 'bookworm');
  install(host, ALL, previous.debs);
  setUpBoth(host);
  addService(host, 'app/slow', SLOW);
  host.write('/usr/local/bin/restic', SLOW_RESTIC, 0o755);
});

afterAll(async () => {
  await fleet?.remove();
});

it('an upgrade leaves a run of the client alone: its archive is whole and the service runs again', async () => {
  const configuration = () =>
    host.run('cd /etc/backup && sha256sum client_config.yml server_config.yml; stat -c %a *.yml');
  const before = configuration();
  await startClient();
  expect(install(host, ALL, inject('debs'), KEEP)).not.toMatch(/\berror|(?<!dpkg: )warning:/i);
  expect(configuration()).toBe(before);
  expect(host.run('systemctl is-active local-backup.service', 3)).toBe('activating\n');
  expect(host.run('cat /srv/state')).toBe('off\n');
  host.run('touch /srv/go');
  await until(host, isEnded('local-backup.service'));
  expect(resultOf('local-backup.service')).toBe('success');
  expect(host.run('cat /srv/state')).toBe('on\n');
  const archive = host.run(`cd ${SPOOL} && ls *.tar.gz`).trim();
  expect(host.run(`backup-client verify ${archive}`)).toContain(archive);
  expect(host.run(`tar -xOzf ${SPOOL}/${archive} --wildcards '*/saved.txt'`)).toBe('saved\n');
});

it('and a run of the server, whose connection outlives the reload of sshd', async () => {
  install(host, ALL, previous.debs, KEEP);
  await startServer();
  install(host, ALL, inject('debs'), KEEP);
  expect(host.run('systemctl is-active backup-server.service', 3)).toBe('activating\n');
  host.run('touch /run/go');
  await until(host, isEnded('backup-server.service'));
  expect(resultOf('backup-server.service')).toBe('success');
  expect(snapshots(host)).toBe(1);
  // The archive that was stored has been put aside through that connection.
  expect(host.run(`cd ${SPOOL} && ls *.tar.gz 2>/dev/null | wc -l; ls done/*.tar.gz | wc -l`)).toBe('0\n1\n');
});

it('when the client is removed, its run ends first, and puts back what it has stopped', async () => {
  await startClient();
  host.run('systemctl enable --now local-backup.timer; apt-get remove -y backup-client');
  expect(host.run('cat /srv/state')).toBe('on\n');
  expect(host.run('systemctl is-active local-backup.timer local-backup.service local-backup-recover.service', 3)).toBe(
    'inactive\nfailed\ninactive\n',
  );
  expect(host.run(`ls -A ${SPOOL} | grep -e partial -e lock || true; ls -A /var/lib/backup-client/undo`)).toBe('');
  expect(host.run(CLIENT_RUN)).toBe('');
  install(host, ['backup-client'], inject('debs'), KEEP);
  expect(host.run('systemctl is-enabled local-backup.timer; systemctl is-active local-backup.timer')).toBe(
    'enabled\nactive\n',
  );
  host.run('touch /srv/go && systemctl start local-backup.service && ls /var/spool/backup/spool/*.tar.gz');
});

it('what a run that was killed has left stopped is started by the removal, though the unit for that may not', async () => {
  await startClient();
  host.run('systemctl mask local-backup-recover.service; systemctl kill -s KILL local-backup.service');
  await until(host, isEnded('local-backup.service'));
  expect(host.run('cat /srv/state; ls /var/lib/backup-client/undo')).toMatch(/^off\n.*slow/s);
  host.run('apt-get remove -y backup-client');
  expect(host.run('cat /srv/state; ls -A /var/lib/backup-client/undo')).toBe('on\n');
  // One that cannot be undone is told, and does not keep the package.
  install(host, ['backup-client'], inject('debs'), KEEP);
  host.write('/var/lib/backup-client/undo/damaged.json', '{');
  expect(host.run('apt-get remove -y backup-client 2>&1')).toContain('could not all be started again');
  expect(host.run('cat /var/lib/backup-client/undo/damaged.json; rm /var/lib/backup-client/undo/damaged.json')).toBe(
    '{',
  );
});

it('when the server is removed, its run ends first; the next one stores what this one did not', async () => {
  await startServer();
  host.run('apt-get remove -y backup-server');
  expect(host.run(SERVER_RUN)).toBe('');
  expect(host.run('ls /srv/restic/both.example.org/locks')).toBe('');
  install(host, ['backup-server'], inject('debs'), KEEP);
  host.run('touch /run/go; systemctl start backup-server.service');
  expect(snapshots(host)).toBe(2);
});
