// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createFleet, type Fleet, type Machine } from '../helpers/fleet.ts';
import { ALL, addService, install, runBoth, setUpBoth, snapshots, until } from '../helpers/packaged-host.ts';

/*
 * The units of the server: stopped in the middle of their work, started by schedules of their own, with credentials. What systemd
 * and restic of both releases have to agree with is done on both, the rest on the older one.
 */

let fleet: Fleet;

beforeAll(() => {
  fleet = createFleet();
});

afterAll(async () => {
  await fleet?.remove();
});

/** restic, which takes its time while /run/slow is there: so the middle of its work is met. */
const SLOW = '#!/bin/sh\n[ -e /run/slow ] && set -- --limit-upload 150 "$@"\nexec /usr/bin/restic "$@"\n';

const REPOSITORY = '/srv/restic/both.example.org';

const SERVER = ['backup-server', 'restic-maintenance', 'backup-drill'];

const FAILS = 'service:\n  name: fails\ncommand:\n  run: echo the reason >&2; exit 3\n  stdout: x\n';

describe.each(['bookworm', 'trixie'] as const)('on %s', (release) => {
  // Not skipped: what is skipped counts as failed.
  const itOnce = (title: string, story: () => void | Promise<void>) => {
    if (release === 'bookworm') it(title, story);
  };
  let host: Machine;
  const start = (unit: string) => host.run(`systemctl start ${unit} || { journalctl -u ${unit} -n 40; false; }`);
  /** A file of the host that is new and cannot be compressed: more than restic writes at once. */
  const addData = () => host.run('head -c 3000000 /dev/urandom >/etc/ssh/data-$(date +%s%N)');
  /** What the newest run of a unit has told the journal: its own lines with their priorities. */
  const journal = (unit: string) =>
    host
      .run(`journalctl _SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value ${unit}) -u ${unit} -o json`)
      .trim()
      .split('\n')
      .map((line): { MESSAGE: string; PRIORITY: string; _PID: string } => JSON.parse(line));
  const told = (unit: string, priority: string) =>
    journal(unit)
      .filter(({ PRIORITY, _PID }) => PRIORITY === priority && _PID !== '1')
      .map(({ MESSAGE }) => MESSAGE);

  beforeAll(async () => {
    host = await fleet.machine(`units-${release}`, release);
    host.write('/usr/local/bin/restic', SLOW, 0o755);
    install(host, ALL, inject('debs'));
    setUpBoth(host);
    runBoth(host);
  });

  /** Into the middle of a store: restic has its lock, and has had the time to know it. */
  const intoTheStore = async () => {
    addData();
    start('local-backup');
    host.run('touch /run/slow; systemctl start --no-block backup-server.service');
    await until(host, `find ${REPOSITORY}/locks -type f -not -newermt '2 seconds ago' | grep -q .`);
  };

  it('systemctl stop: the lock of the repository is gone, and the next run stores what was fetched', async () => {
    const before = snapshots(host);
    await intoTheStore();
    expect(host.run('systemctl status backup-server.service || true')).toContain('Status: "backing up this host');
    host.run('systemctl stop backup-server.service');
    expect(readdirSync(host.at(`${REPOSITORY}/locks`))).toEqual([]);
    host.run('rm /run/slow');
    start('backup-server');
    expect(snapshots(host)).toBe(before + 1);
  });

  itOnce('the journal has errors where there are errors, and nothing else among them', () => {
    addService(host, 'app/fails', FAILS);
    for (const unit of ['local-backup', 'backup-server']) host.run(`systemctl start ${unit}.service || true`);
    const errors = { client: told('local-backup', '3').join('\n'), server: told('backup-server', '3').join('\n') };
    expect(errors.client).toMatch(/app.fails|the reason/);
    expect(errors.server).toMatch(/service app\/fails was not saved on the client/);
    for (const text of Object.values(errors))
      expect(text).not.toMatch(/^(?:Saving|Published|backing up|done with|[{<])/m);
    expect(told('local-backup', '6').join('\n')).toMatch(/^Published /m);
    expect(
      journal('local-backup')
        .map(({ MESSAGE }) => MESSAGE)
        .join('\n'),
    ).not.toMatch(/^<\d>/m);
    host.run('rm -r /etc/backup/app');
    runBoth(host);
    for (const unit of ['local-backup', 'backup-server']) {
      expect(
        host.run(
          `journalctl -q -p err -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value ${unit})`,
        ),
      ).toBe('');
    }
  });

  itOnce('a schedule of its own for one host: it waits for the run that is at work', async () => {
    const before = snapshots(host);
    await intoTheStore();
    host.run('systemctl start --no-block backup-server@both.example.org.service');
    await until(host, "systemctl status backup-server@both.example.org.service | grep -q 'Status: \"Another instance'");
    host.run('rm /run/slow; systemctl stop backup-server.service');
    await until(host, 'systemctl show -p ActiveState --value backup-server@both.example.org | grep -qx inactive');
    expect(snapshots(host)).toBe(before + 1);
    host.run('systemctl enable --now backup-server@both.example.org.timer');
    expect(host.run('systemctl list-timers backup-server@both.example.org.timer')).toContain(
      'backup-server@both.example.org.service',
    );
    host.run('systemctl disable --now backup-server@both.example.org.timer');
  });

  itOnce('the client saves what another configuration file describes, when its instance is started', () => {
    host.run('install -d -m 0700 /etc/backup-hourly/app/notes');
    host.write(
      '/etc/backup-hourly/app/notes/service.yaml',
      'service:\n  name: notes\nfiles:\n  paths: [/etc/hostname]\n',
      0o600,
    );
    host.run(
      "sed -e 's/^hostname: .*/hostname: notes.example.org/' -e 's|^base_backup_dir: .*|base_backup_dir: /var/spool/backup/hourly|' -e '$aservice_dir: /etc/backup-hourly' /etc/backup/client_config.yml >/etc/backup/hourly.yml; chmod 600 /etc/backup/hourly.yml",
    );
    start('local-backup@hourly.service');
    expect(host.run('ls /var/spool/backup/hourly')).toMatch(/^notes\.example\.org-.*\.tar\.gz$/m);
  });

  itOnce('init enables the timers that nobody has enabled', () => {
    expect(host.run('backup-server init both.example.org')).toMatch(/systemctl enable --now .*backup-drill\.timer/);
    host.run('backup-server init both.example.org --enable-timers');
    for (const unit of SERVER) expect(host.run(`systemctl is-enabled ${unit}.timer`)).toBe('enabled\n');
    expect(host.run('backup-server init both.example.org')).toContain('are enabled');
    for (const unit of SERVER) host.run(`systemctl disable --now ${unit}.timer`);
  });

  it('the password of a repository comes as a credential', () => {
    host.run('mv /etc/backup/restic.pass /etc/backup/handed-over.pass');
    host.run("sed -i 's|password_file: .*|password_credential: restic|' /etc/backup/server_config.yml");
    for (const unit of SERVER) {
      host.run(`mkdir -p /etc/systemd/system/${unit}.service.d`);
      host.write(
        `/etc/systemd/system/${unit}.service.d/secret.conf`,
        '[Service]\nLoadCredential=restic:/etc/backup/handed-over.pass\n',
      );
    }
    host.run('systemctl daemon-reload');
    addData();
    start('local-backup');
    for (const unit of SERVER) start(unit);
    const newest = host
      .run('backup-server runs')
      .split('\n')
      .slice(1, 1 + SERVER.length);
    expect(newest.join('\n')).toMatch(/ drill .* maintenance .* backup /s);
    expect(newest.join('\n')).not.toContain('failed');
  });
});
