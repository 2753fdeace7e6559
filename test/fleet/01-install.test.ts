// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Machine } from '../helpers/fleet.ts';
import { takeMails } from '../helpers/fleet-mail.ts';
import { followPage } from '../helpers/fleet-page.ts';
import { addService, bootWorld, filesIn, letTimerFire, newestRun, setUp, type World } from '../helpers/fleet-world.ts';
import { readPage } from '../helpers/install-page.ts';

/* Two clients and a server, booted, with the packages installed by apt: set up by typing docs/install.md. */

let world: World;
let web1: Machine;
let web2: Machine;
let server: Machine;

const TIMERS = ['backup-server', 'restic-maintenance', 'backup-drill'];
const subjects = async () => (await takeMails(server)).map(({ subject }) => subject).join('\n');
const mailCame = (subject: string) => `grep -rqs '^Subject: .*${subject}' /var/mail --include='*.eml'`;

beforeAll(async () => {
  world = await bootWorld(['bookworm', 'trixie'], 'trixie');
  server = world.server;
  [web1, web2 = web1] = world.clients;
});

afterAll(() => world?.fleet.remove());

it.each([
  ['a line without a prompt', '## A\n\n    backup# true\n    output of it\n'],
  ['a command of nowhere', '## A\n\n    apt install x\n'],
  ['an editor without content', '## A\n\n    web1# editor /etc/x\n    web1# true\n'],
  ['content and a setting', '## A\n\n    web1# editor /etc/x    # set a: b\n    c: d\n'],
  ['another kind of code block', '## A\n\n```\ntrue\n```\n'],
])('a page with %s is refused', (_, text) => {
  expect(() => readPage(text)).toThrow(/docs\/install\.md:\d+: /);
});

it('the page, typed from top to bottom, sets everything up: checked, saved, fetched, proven; timers wait', async () => {
  setUp(world);
  for (const client of [web1, web2]) expect(filesIn(world, client, 'snapshots')).toHaveLength(1);
  expect(newestRun(world)).toMatchObject({ command: 'drill', status: 'success' });
  expect(await subjects()).toMatch(/Backup Run SUCCESSFUL[\s\S]*Drill SUCCESSFUL/);
  expect(server.run('backup-server check | grep FAILED || true')).toBe('');
  for (const [machine, timers] of [
    [web1, ['local-backup']],
    [web2, ['local-backup']],
    [server, TIMERS],
  ] as const) {
    for (const timer of timers) {
      expect(machine.run(`systemctl is-enabled ${timer}.timer; systemctl is-active ${timer}.timer`)).toBe(
        'enabled\nactive\n',
      );
      expect(machine.run(`systemctl show -p NextElapseUSecRealtime --value ${timer}.timer`)).toMatch(/20\d\d/);
    }
  }
});

it('the server can do nothing on a client but fetch', () => {
  for (const client of [web1, web2]) {
    const ssh = `ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -i /etc/backup/ssh/id_ed25519 _local-backup@${client.name}.example.org`;
    expect(server.run(`${ssh} id 2>&1 || true`)).not.toContain('uid=');
    expect(server.run(`echo 'get /etc/passwd /tmp/stolen' | sftp -q -b - ${ssh.slice(4)} 2>&1 || true`)).toMatch(
      /not found|No such file/,
    );
  }
});

it('timers start the runs: archives appear, snapshots appear, mails arrive, the status is green', async () => {
  for (const client of [web1, web2]) {
    client.run('mkdir -p /srv/data; echo "of this machine: $(hostname)" >/srv/data/note');
    addService(client, 'data/app', 'service:\n  name: app\nfiles:\n  paths: [/srv/data]\n');
    await letTimerFire(client, 'local-backup', 'ls /var/spool/backup/spool/*.tar.gz.json');
  }
  await letTimerFire(server, 'backup-server', mailCame('Backup Run SUCCESSFUL'));
  for (const client of [web1, web2]) expect(filesIn(world, client, 'snapshots').length).toBeGreaterThan(1);
  await letTimerFire(server, 'restic-maintenance', mailCame('Maintenance SUCCESSFUL'));
  await letTimerFire(server, 'backup-drill', mailCame('Drill SUCCESSFUL'));
  // The unit lets the cage be built that services are looked at in.
  expect((await takeMails(server)).map(({ text }) => text).join('\n')).toMatch(/Services: +4 proven/i);
  expect(server.run('backup-server status')).toMatch(/web1\.example\.org[\s\S]*web2\.example\.org/);
});

it('a service of one client is restored onto the other', () => {
  server.run('backup-server restore web1.example.org --service data/app --to-host web2.example.org');
  web2.run('backup-client restore data/app --in-place --yes');
  expect(web2.run('cat /srv/data/note')).toBe('of this machine: web1\n');
});

it('what the page says about units that need more: they run with that, and may do what it promises', async () => {
  server.run('mkdir -p /mnt/backup; mount -t tmpfs tmpfs /mnt/backup');
  followPage(world.reader, 'When the units need more');
  server.run(`systemctl show -p RequiresMountsFor --value backup-server.service | grep -w /mnt/backup`);
  server.run("sed -i 's|repository_root: .*|repository_root: /mnt/backup|' /etc/backup/server_config.yml");
  server.run('mv /srv/restic/*.example.org /mnt/backup');
  for (const client of [web1, web2]) client.run('systemctl start local-backup.service');
  for (const unit of ['restic-maintenance', 'backup-drill', 'backup-server']) {
    server.run(`systemctl start ${unit}.service`);
  }
  const mails = (await takeMails(server)).map(({ subject, text }) => `${subject}\n${text}`).join('\n');
  expect(mails).toMatch(/Maintenance SUCCESSFUL[\s\S]*Drill SUCCESSFUL[\s\S]*Backup Run SUCCESSFUL/);
});
