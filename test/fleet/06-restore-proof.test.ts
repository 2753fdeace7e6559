// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, addService, install, setUpBoth } from '../helpers/packaged-host.ts';

/* What runs again after a restore, looked at by the real systemd: units that stay up, and one that does not. */

let fleet: Fleet;
let host: Machine;

const SERVICE = `service:
  name: app
systemd:
  units: [app.service]
files:
  paths: [/srv/app]
`;

/** Runs for as long as its configuration is good; else systemd starts it again, and again. */
const UNIT = `[Service]
ExecStart=/bin/sh -c 'grep -q good /srv/app/config && exec sleep infinity; exit 1'
Restart=always
RestartSec=200ms
[Unit]
StartLimitIntervalSec=0
`;

beforeAll(async () => {
  fleet = createFleet();
  host = await fleet.machine('proof', 'trixie');
  install(host, ALL, inject('debs'));
  setUpBoth(host);
  host.write('/etc/systemd/system/app.service', UNIT);
  host.run('mkdir -p /srv/app; echo good > /srv/app/config; systemctl daemon-reload; systemctl start app.service');
  addService(host, 'app/app', SERVICE);
  host.run('backup-client backup');
}, 300_000);

afterAll(async () => {
  await fleet?.remove();
});

describe('a restore', () => {
  const restore = (code = 0) => host.run('backup-client restore app --in-place --yes 2>&1', code);

  it('is done when the unit has stayed up for some seconds', () => {
    host.run('echo good, and newer > /srv/app/config');
    const said = restore();
    expect(said).toMatch(/^systemd: verified: app\.service: active$/m);
    expect(said).toMatch(/^files: verified: \/srv\/app: 2 of 2 files/m);
    expect(host.run('cat /srv/app/config; systemctl is-active app.service')).toBe('good\nactive\n');
  });

  it('is taken back where the unit is restarted again and again', () => {
    host.run('mkdir -p /etc/backup/app/app/restore.d; cd /etc/backup/app/app/restore.d; umask 077');
    host.write('/etc/backup/app/app/restore.d/20spoil', '#!/bin/sh\necho bad > /srv/app/config\n', 0o700);
    host.write('/etc/backup/app/app/restore.d/80advertise', '#!/bin/sh\ntouch /run/advertised\n', 0o700);
    host.run('chmod -R go-w /etc/backup/app; echo good, and newer > /srv/app/config');
    expect(restore(1)).toMatch(/NOT RUNNING: app\.service|systemd: app\.service: it does not stay up/);
    expect(host.run('cat /srv/app/config; systemctl is-active app.service')).toBe('good, and newer\nactive\n');
    expect(host.run('ls /run/advertised 2>&1 || true')).toContain('No such file');
  });
});
