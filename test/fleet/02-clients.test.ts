// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostRecord } from '../../packages/common/src/run-record.ts';
import { type Machine, until } from '../helpers/fleet.ts';
import { takeMails } from '../helpers/fleet-mail.ts';
import { nameOf } from '../helpers/fleet-page.ts';
import { addService, bootWorld, changeConfig, filesIn, newestRun, setUp, type World } from '../helpers/fleet-world.ts';
import { HOSTILE_ARCHIVES } from '../helpers/hostile-archives.ts';
import { type Place, publishHarmless, publishHostile } from '../helpers/hostile-spool.ts';

/* A server of Debian 12, one client that is well, and everything that other clients do to a night. */

let world: World;
let server: Machine;
let web1: Machine;
let web2: Machine;
let mails: Awaited<ReturnType<typeof takeMails>>;

/** Publishes in the spool of one who has taken a client over. */
const RUBBISH: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  random: (place) => publishHostile({ bytes: () => randomBytes(100_000), refusedBy: 'format' }, place),
  cut: async (place) => {
    const { name, manifest } = await publishHarmless(place);
    truncateSync(join(place.spool, name), Math.floor(manifest.bytes / 2));
  },
  member: (place) => {
    const hostile = HOSTILE_ARCHIVES.find(({ name }) => name === 'directory through symlink');
    if (hostile === undefined) throw new Error('there is no such hostile archive any more');
    return publishHostile(hostile, place);
  },
};

/** What is wrong, by host, and what has to be said about it. */
const TROUBLES = [
  { host: 'web2', trouble: 'holds its lock', status: 'skipped', says: /lock.* was held each of the 3 times/ },
  {
    host: 'down',
    trouble: 'is switched off',
    status: 'failed',
    says: /down\.example\.org:22 .*the host is down|no route/,
  },
  { host: 'changed', trouble: 'has another host key', status: 'failed', says: /host key .*has changed/ },
  { host: 'random', trouble: 'sends random bytes', status: 'failed', says: /cannot be decompressed/ },
  { host: 'cut', trouble: 'sends half an archive', status: 'failed', says: /bytes/ },
  { host: 'member', trouble: 'wants to write elsewhere', status: 'failed', says: /symlink|symbolic link/ },
] as const;

/** Holds the lock of the spool for as long as it is let. */
const SLOW = 'service:\n  name: slow\ncommand:\n  run: sleep 3600; echo saved\n  stdout: saved.txt\n';

/** Another entry for the inventory; several may be spools of one machine. */
function enter(hostname: string, machine: Machine, directory: string): void {
  const login = '    ssh_user: _local-backup\n    ssh_key_file: /etc/backup/ssh/id_ed25519\n';
  const entry = `  - hostname: ${hostname}.example.org\n    address: ${nameOf(machine)}\n${login}    remote_tar_dir: ${directory}\n`;
  server.run(`printf '%s' '${entry}' >>/etc/backup/server_config.yml`);
}

async function publishRubbish(): Promise<void> {
  for (const [name, publish] of Object.entries(RUBBISH)) {
    const spool = web2.at(`/var/spool/backup/${name}`);
    mkdirSync(spool);
    await publish({ spool, hostname: `${name}.example.org`, stamp: '20261101_030000' });
    web2.run(`chown -R _local-backup: /var/spool/backup/${name}; chmod 0700 /var/spool/backup/${name}`);
    enter(name, web2, `/${name}`);
    server.run(`backup-server init ${name}.example.org --accept-host-key ${fingerprintOf(web2)}`);
  }
}

function fingerprintOf(machine: Machine): string {
  return machine.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub').split(' ')[1] ?? '';
}

/** Machines that never get as far as an archive: no package is needed on them. */
async function prepareOthers(): Promise<void> {
  const down = await world.fleet.machine('down', 'trixie');
  const changed = await world.fleet.machine('changed', 'bookworm');
  for (const machine of [down, changed]) {
    enter(machine.name, machine, '/spool');
    server.run(`backup-server init ${machine.name}.example.org --accept-host-key ${fingerprintOf(machine)}`);
  }
  await down.cutPower();
  changed.run("rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key");
  changed.run('systemctl restart ssh.service');
}

function recordOf(hostname: string): HostRecord {
  const record = newestRun(world).hosts.find(({ host }) => host === `${hostname}.example.org`);
  if (record === undefined) throw new Error(`the run says nothing about ${hostname}`);
  return record;
}

/** What the steps of a host say, in one line. */
const wordsOf = (record: HostRecord) => record.steps.map(({ message }) => message).join(' ');

beforeAll(async () => {
  world = await bootWorld(['bookworm', 'trixie'], 'bookworm');
  server = world.server;
  [web1, web2 = web1] = world.clients;
});

afterAll(() => world?.fleet.remove());

it('the page sets up a server of Debian 12 as well; drill and maintenance run in their units', async () => {
  setUp(world);
  for (const unit of ['restic-maintenance', 'backup-drill']) server.run(`systemctl start ${unit}.service`);
  expect(newestRun(world)).toMatchObject({ command: 'drill', status: 'success' });
  const subjects = (await takeMails(server)).map(({ subject }) => subject).join('\n');
  expect(subjects).toMatch(/Backup Run SUCCESSFUL[\s\S]*Maintenance SUCCESSFUL[\s\S]*Drill SUCCESSFUL/);
});

it('one night with all of them: the run fails and tells, and the client that is well is stored', async () => {
  changeConfig(server, 'global:\n', 'global:\n  lock_retries: 2\n  lock_retry_delay: 1s\n  retry_failed_hosts: 0\n');
  await publishRubbish();
  await prepareOthers();
  addService(web2, 'app/slow', SLOW);
  web2.run('systemctl start --no-block local-backup.service');
  await until(web2, 'test -d /var/spool/backup/spool/.backup_archive_in_progress.lock');
  web1.run('systemctl start local-backup.service');
  server.run('systemctl start backup-server.service', 1);
  mails = await takeMails(server);
  expect(recordOf('web1')).toMatchObject({ status: 'success', snapshot: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(filesIn(world, web1, 'snapshots')).toHaveLength(2);
});

it.each(TROUBLES)('one $trouble: $status, which its record and a mail say', ({ host, status, says }) => {
  const record = recordOf(host);
  expect(record).toMatchObject({ status });
  expect(record.snapshot).toBeUndefined();
  expect(wordsOf(record)).toMatch(says);
  const about = mails.filter(
    ({ subject = '' }) => subject.includes(`${host}.example.org`) || /Backup Run/.test(subject),
  );
  expect(about.map(({ text = '' }) => text.replace(/\s+/g, ' ')).join(' ')).toMatch(says);
});

it('the summary names every one of them', () => {
  const summary = mails.find(({ subject = '' }) => subject.includes('Backup Run COMPLETED WITH ERRORS'));
  for (const { host } of TROUBLES) expect(summary?.text).toContain(`${host}.example.org`);
});

it('nothing was written where the archives wanted it, and nothing is left of them but in their spools', () => {
  expect(server.run('ls -d /tmp/hostile-* 2>/dev/null || true')).toBe('');
  expect(server.run('find /var/lib/backup-server/work -mindepth 1 ! -path "*/work/drill"')).toBe('');
  for (const name of Object.keys(RUBBISH)) {
    expect(web2.run(`ls /var/spool/backup/${name}`)).toContain(`${name}.example.org-20261101_030000.tar.gz`);
  }
});

it('the one that had held its lock is stored by the next run', () => {
  web2.run('systemctl stop local-backup.service; rm -r /etc/backup/app; systemctl start local-backup.service');
  server.run('backup-server backup web2.example.org');
  expect(recordOf('web2')).toMatchObject({ status: 'success' });
});
