// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, belongings, install, installed, KEEP, runBoth, setUpBoth, snapshots } from '../helpers/packaged-host.ts';
import { type PreviousPackages, previousPackages } from '../helpers/previous-packages.ts';

/* Client and server on one machine: the packages of the version before are installed, used, upgraded, and put back.
   On Debian 12, 04-packages-busy upgrades the same packages. */

let fleet: Fleet;
let host: Machine;
let previous: PreviousPackages;

beforeAll(async () => {
  previous = previousPackages();
  fleet = createFleet();
  host = await fleet.machine('packages', 'trixie');
  install(host, ALL, previous.debs);
  setUpBoth(host);
  host.run('systemctl enable --now local-backup.timer backup-server.timer');
  runBoth(host);
});

afterAll(async () => {
  await fleet?.remove();
});

const CHANGED = '/etc/backup/client_config.yml /etc/backup/server_config.yml';

/** Configuration that packages brought and the admin has changed since. */
const changed = () => host.run(`sha256sum ${CHANGED}; stat -c '%a %U %n' ${CHANGED}`);
const timers = () =>
  ['local-backup', 'backup-server', 'restic-maintenance', 'backup-drill'].map(
    (name) => `${name} ${host.run(`systemctl is-enabled ${name}.timer; systemctl is-active ${name}.timer; true`)}`,
  );

it.each(['an upgrade', 'the way back'])('%s keeps configuration, state and timers, and the next run works', (way) => {
  const isUpgrade = way === 'an upgrade';
  const before = { changed: changed(), belongings: belongings(host), timers: timers() };
  const count = snapshots(host);
  const said = install(host, ALL, isUpgrade ? inject('debs') : previous.debs, KEEP);
  expect(said).not.toMatch(/\berror|(?<!dpkg: )warning:/i);
  for (const line of installed(host)) expect(line.endsWith(` ii ${previous.version}`)).toBe(!isUpgrade);
  expect({ changed: changed(), belongings: belongings(host), timers: timers() }).toEqual(before);
  expect(before.timers.join(' ')).toContain('backup-server enabled\nactive\n restic-maintenance disabled\ninactive');
  expect(host.run('systemctl show -P NeedDaemonReload "local-backup*" backup-server.service')).not.toContain('yes');
  runBoth(host);
  expect(snapshots(host)).toBe(count + 1);
  // What the admin has not changed comes from the package, and of that nothing is left aside.
  expect(
    host
      .run('dpkg --verify backup-common backup-client backup-server')
      .replaceAll(/^.* c .*$/gm, '')
      .trim(),
  ).toBe('');
  expect(host.run('find /etc/backup /etc/ssh -name "common_config.*" -o -name "*.ucf*" -o -name "*.conf.dpkg-*"')).toBe(
    '',
  );
  expect(host.run('systemctl is-active ssh.service')).toBe('active\n');
});
