// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, addService, install, setUpBoth, until } from '../helpers/packaged-host.ts';

/*
 * The client's unit while a service stands still: stopped, killed, frozen. What ran runs again, and nothing else does. What takes
 * long is done on one release: 03-power pulls the plug of the other one.
 */

let fleet: Fleet;

beforeAll(() => {
  fleet = createFleet();
});

afterAll(async () => {
  await fleet?.remove();
});

/** app runs, idle does not; both are stopped while `run` is at work. */
const app = (run: string): string => `service:
  name: app
systemd:
  units: [app.service, idle.service]
command:
  run: ${run}
  stdout: saved.txt
`;

const LOOP = '[Service]\nExecStart=/bin/sleep infinity\n';

/** So that it does not take minutes. */
const IMPATIENT = '[Service]\nTimeoutStartSec=10s\nEnvironment=NOTIFY_EXTEND=10s\nTimeoutStopSec=3s\n';
const FREEZER = '/sys/fs/cgroup/system.slice/local-backup.service/cgroup.freeze';

describe.each(['bookworm', 'trixie'] as const)('on %s', (release) => {
  // Not skipped: what is skipped counts as failed.
  const itOnce = (title: string, story: () => void | Promise<void>) => {
    if (release === 'bookworm') it(title, story);
  };
  let host: Machine;
  const start = () => host.run('systemctl start local-backup.service || { journalctl -u local-backup -n 20; false; }');
  /** Waits until the service stands still in the middle of a run. */
  const intoTheRun = async () => {
    host.run('systemctl start --no-block local-backup.service');
    await until(host, '! systemctl is-active -q app.service && [ -e /run/saving ]');
  };
  const pid = () => host.run('systemctl show -p MainPID --value local-backup.service').trim();
  const leftovers = () =>
    host.run('cd /var/spool/backup/spool; ls -A | grep -v -e "^done$" -e "^both\\." -e "^want" || true');
  /** What ran runs, what did not does not, and the next run finds nothing in its way. */
  const expectAllWell = () => {
    expect(host.run('systemctl is-active app.service idle.service || true')).toBe('active\ninactive\n');
    addService(host, 'app/app', app('echo saved'));
    start();
    expect(leftovers()).toBe('');
    expect(host.run('backup-client recover')).toBe('Nothing to undo.\n');
    expect(host.run('systemctl is-active app.service idle.service || true')).toBe('active\ninactive\n');
  };

  beforeAll(async () => {
    host = await fleet.machine(`units-${release}`, release);
    install(host, ALL, inject('debs'));
    setUpBoth(host);
    for (const unit of ['app', 'idle']) host.write(`/etc/systemd/system/${unit}.service`, LOOP);
    host.run('systemctl daemon-reload; systemctl start app.service');
  });

  beforeEach(() => {
    host.run('rm -f /run/saving');
    addService(host, 'app/app', app('touch /run/saving; sleep 120'));
  });

  it('systemctl stop puts everything back; until then systemctl status tells what is being done', async () => {
    await intoTheRun();
    await until(host, "systemctl status local-backup.service | grep -q 'Status: \"Saving app/app'");
    host.run('systemctl stop local-backup.service');
    expect(leftovers()).toBe('');
    expectAllWell();
  });

  it('kill -9: the unit for failures starts at once what ran', async () => {
    await intoTheRun();
    host.run(`kill -9 ${pid()}`);
    await until(host, 'systemctl is-active -q app.service');
    await until(host, '! systemctl is-active -q local-backup-recover.service');
    expectAllWell();
  });

  itOnce(
    'a run may take longer than its limit as long as it gives signs of life; one that hangs is ended',
    async () => {
      host.run('mkdir -p /etc/systemd/system/local-backup.service.d');
      host.write('/etc/systemd/system/local-backup.service.d/impatient.conf', IMPATIENT);
      host.run('systemctl daemon-reload');
      addService(host, 'app/app', app('sleep 12; echo saved'));
      start();
      addService(host, 'app/app', app('touch /run/saving; sleep 120'));
      await intoTheRun();
      // Not by SIGSTOP: systemd sends SIGCONT together with SIGTERM.
      host.run(`echo 1 >${FREEZER}`);
      await until(host, 'systemctl is-active -q app.service');
      expect(host.run('systemctl show -p Result --value local-backup.service')).toBe('timeout\n');
      await until(host, '! systemctl is-active -q local-backup-recover.service');
      host.run('rm -r /etc/systemd/system/local-backup.service.d; systemctl daemon-reload');
      expectAllWell();
    },
  );

  itOnce('power cut: after the boot what ran runs again', async () => {
    await intoTheRun();
    await host.cutPower();
    await host.boot();
    await until(host, 'systemctl is-active -q app.service');
    await until(host, '! systemctl is-active -q local-backup-recover.service');
    expectAllWell();
  });
});
