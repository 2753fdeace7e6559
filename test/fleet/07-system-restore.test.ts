// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { addService, install } from '../helpers/packaged-host.ts';

/*
 * Restores with the real apt, dpkg and systemd: a package of a source of this machine's own is lost; what runs again is looked
 * at: a unit that stays up, and one that does not.
 */

let fleet: Fleet;
let host: Machine;

const CHOSEN = '\n  restore: [apt, packages, settings, units, cron]';
const service = (chosen = '') => `service:\n  name: rebuild\nsystem:\n  include: [packages, units, cron]${chosen}\n`;

/** Makes two packages, the second one with a unit, and a source that apt takes them from. */
const SOURCE = `set -e
mkdir -p /srv/repo
cd /srv/repo
for name in shop-lib shop-tool; do
  mkdir -p build/$name/DEBIAN
  printf 'Package: %s\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' $name >build/$name/DEBIAN/control
done
echo 'Depends: shop-lib' >>build/shop-tool/DEBIAN/control
mkdir -p build/shop-tool/lib/systemd/system
printf '[Timer]\\nOnCalendar=2199-01-01\\n[Install]\\nWantedBy=timers.target\\n' >build/shop-tool/lib/systemd/system/shop-tool.timer
printf '[Service]\\nExecStart=/bin/true\\n' >build/shop-tool/lib/systemd/system/shop-tool.service
for name in shop-lib shop-tool; do
  dpkg-deb --root-owner-group --build build/$name $name.deb
  dpkg-deb --field $name.deb
  printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' $name $(stat -c %s $name.deb) $(sha256sum $name.deb | cut -d' ' -f1)
done >out
grep -v '^dpkg-deb' out >Packages
mkdir -p /etc/apt/sources.list.d
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/shop.list
`;

const restore = (options: string, code = 0) =>
  host.run(`backup-client restore rebuild --in-place ${options} 2>&1`, code);
const state = () =>
  host.run(
    `dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n' 'shop-*' | grep ' .i' | tr -s ' '; apt-mark showhold
apt-mark showmanual | grep shop; systemctl is-enabled shop-tool.timer 2>&1; ls /etc/cron.d/shop /etc/apt/sources.list.d/shop.list 2>&1; true`,
  );

beforeAll(async () => {
  fleet = createFleet();
  host = await fleet.machine('rebuild', 'bookworm');
  install(host, ['backup-common', 'backup-client'], inject('debs'));
  host.run("sed -i 's/^base_backup_dir/hostname: rebuild.example.org\\n&/' /etc/backup/client_config.yml");
  host.write('/root/source', SOURCE);
  // The machine is thrown away: what dpkg writes need not be on the disk before it goes on.
  host.write('/etc/dpkg/dpkg.cfg.d/unsafe', 'force-unsafe-io\n');
  // What is on the network is not there.
  host.run('sh /root/source; mv /etc/apt/sources.list /root/ 2>/dev/null; apt-get update');
  host.run('apt-get install -y shop-tool; systemctl enable shop-tool.timer; apt-mark hold shop-lib');
  host.run('mkdir -p /etc/cron.d; echo "# every night" >/etc/cron.d/shop');
  addService(host, 'host/rebuild', service());
  host.run('backup-client backup');
}, 300_000);

afterAll(async () => {
  await fleet?.remove();
});

it('tells what is missing, puts back what is chosen, and only that', () => {
  const before = state();
  expect(before).toMatch(/shop-lib hi[\s\S]*shop-tool ii[\s\S]*enabled/);
  host.run('systemctl disable shop-tool.timer; apt-mark unhold shop-lib; apt-get purge -y shop-tool shop-lib');
  host.run(
    'rm /etc/cron.d/shop /etc/apt/sources.list.d/shop.list; rm -rf /var/lib/apt/lists; mkdir /var/lib/apt/lists',
  );
  const lost = state();
  expect(restore('--yes')).toMatch(/packages: 1 not installed \(shop-tool\)/);
  expect(state()).toBe(lost);
  addService(host, 'host/rebuild', service(CHOSEN));
  const said = restore('--yes');
  expect(said).toMatch(/load +1 packages \(shop-tool\)/);
  expect(said).toMatch(/^system: verified: .*units: all are enabled/m);
  expect(state()).toBe(before);
  expect(restore('--dry-run')).toContain('everything is as it was saved');
});

describe('a service that runs again', () => {
  const SERVICE = 'service:\n  name: app\nsystemd:\n  units: [app.service]\nfiles:\n  paths: [/srv/app]\n';

  /** Runs for as long as its configuration is good; else systemd starts it again, and again. */
  const UNIT = `[Service]
ExecStart=/bin/sh -c 'grep -q good /srv/app/config && exec sleep infinity; exit 1'
Restart=always
RestartSec=200ms
[Unit]
StartLimitIntervalSec=0
`;

  const restoreApp = (code = 0) => host.run('backup-client restore app --in-place --yes 2>&1', code);

  beforeAll(() => {
    host.write('/etc/systemd/system/app.service', UNIT);
    host.run('mkdir -p /srv/app; echo good > /srv/app/config; systemctl daemon-reload; systemctl start app.service');
    addService(host, 'app/app', SERVICE);
    host.run('backup-client backup --service app && echo good, and newer > /srv/app/config');
  });

  it('is done when its unit has stayed up for some seconds', () => {
    const said = restoreApp();
    expect(said).toMatch(/^systemd: verified: app\.service: active$/m);
    expect(said).toMatch(/^files: verified: \/srv\/app: 2 of 2 files/m);
    expect(host.run('cat /srv/app/config; systemctl is-active app.service')).toBe('good\nactive\n');
  });

  it('is taken back where its unit is restarted again and again', () => {
    host.run('install -d -m 0700 /etc/backup/app/app/restore.d');
    host.write('/etc/backup/app/app/restore.d/20spoil', '#!/bin/sh\necho bad > /srv/app/config\n', 0o700);
    host.write('/etc/backup/app/app/restore.d/80advertise', '#!/bin/sh\ntouch /run/advertised\n', 0o700);
    host.run('echo good, and newer > /srv/app/config');
    expect(restoreApp(1)).toMatch(/NOT RUNNING: app\.service|systemd: app\.service: it does not stay up/);
    expect(host.run('cat /srv/app/config; systemctl is-active app.service')).toBe('good, and newer\nactive\n');
    expect(host.run('ls /run/advertised 2>&1 || true')).toContain('No such file');
  });
});
