// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Machine, until } from '../helpers/fleet.ts';
import { takeMails } from '../helpers/fleet-mail.ts';
import {
  addService,
  bootWorld,
  calmTimer,
  changeConfig,
  filesIn,
  hurryTimer,
  newestRun,
  resticLine,
  setUp,
  untilSeen,
  type World,
} from '../helpers/fleet-world.ts';

/* Somebody pulls the plug: of a client whose service stands still, and of the server while it stores. */

let world: World;
let web1: Machine;
let server: Machine;

/** Stands still while it is saved, which takes far longer than the test. */
const STOPPED = `service:
  name: stopped
hooks:
  before: echo off >/srv/state
  after: echo on >/srv/state
command:
  run: sleep 3600; echo saved
  stdout: saved.txt
`;

/** Slow enough that it takes restic minutes to store what is new. */
const SLOWLY = 'restic:\n  backup_options: --limit-upload 20\n';

const stateOf = (client: Machine) => readFileSync(client.at('/srv/state'), 'utf8').trim();
const repository = () => server.at('/srv/restic/web1.example.org');

/** Bytes of a pack that is being written into the repository. */
function unfinishedBytes(): number {
  const data = join(repository(), 'data');
  const files = readdirSync(data).flatMap((name) => readdirSync(join(data, name)).map((file) => join(name, file)));
  const unfinished = files.filter((file) => file.includes('tmp'));
  return unfinished.reduce((sum, file) => sum + (statSync(join(data, file), { throwIfNoEntry: false })?.size ?? 0), 0);
}

beforeAll(async () => {
  world = await bootWorld(['trixie'], 'trixie');
  ({ server } = world);
  [web1] = world.clients;
  setUp(world);
});

afterAll(() => world?.fleet.remove());

it('of a client while its service stands still: after the boot the service runs again, without a new run', async () => {
  web1.run('echo on >/srv/state');
  addService(web1, 'app/stopped', STOPPED);
  web1.run('systemctl start --no-block local-backup.service');
  await until(web1, 'grep -qx off /srv/state');
  await web1.cutPower();
  expect(stateOf(web1)).toBe('off');
  await web1.boot();
  await until(web1, 'grep -qx on /srv/state');
  expect(web1.run('systemctl show -p Result --value local-backup-recover.service')).toBe('success\n');
  web1.run('rm -r /etc/backup/app; systemctl start local-backup.service');
  expect(web1.run('ls -A /var/spool/backup/spool/.[!.]* 2>/dev/null || true')).toBe('');
});

it('of the server while it stores: after the boot its timer starts a run that completes it', async () => {
  await takeMails(server);
  web1.run('head -c 8000000 /dev/urandom >/etc/noise; systemctl start local-backup.service');
  changeConfig(server, 'restic:\n', SLOWLY);
  const before = filesIn(world, web1, 'snapshots');
  hurryTimer(server, 'backup-server');
  await untilSeen('restic is writing', () => unfinishedBytes() > 100_000);
  await server.cutPower();
  expect(newestRun(world)).toMatchObject({ command: 'backup', status: 'running' });
  expect(filesIn(world, web1, 'snapshots')).toEqual(before);
  expect(filesIn(world, web1, 'locks')).toHaveLength(1);
  const [archive = ''] = web1.run('cd /var/spool/backup/spool; ls -t *.tar.gz').split('\n');

  changeConfig(server, SLOWLY, 'restic:\n');
  await server.boot();
  await untilSeen('a run has stored it', () => filesIn(world, web1, 'snapshots').length > before.length);
  await calmTimer(server, 'backup-server');
  const mails = (await takeMails(server)).map(({ subject, text }) => `${subject}\n${text}`).join('\n');
  expect(mails).toContain('Backup Run SUCCESSFUL');
  expect(web1.run(`ls -d /var/spool/backup/spool/${archive} 2>/dev/null || true`)).toBe('');
  expect(web1.run('ls /var/spool/backup/spool/done')).toContain(archive);
});

it('nothing of that is left: maintenance removes the dead lock and finds no damage, and the data is there', () => {
  server.run('systemctl start restic-maintenance.service');
  expect(newestRun(world)).toMatchObject({ command: 'maintenance', status: 'success' });
  expect(filesIn(world, web1, 'locks')).toEqual([]);
  expect(server.run(resticLine(web1, 'check --read-data'))).toContain('no errors were found');
  expect(server.run('find /var/lib/backup-server/work -mindepth 1 ! -path "*/work/drill"')).toBe('');
  const stored = server.run('backup-server dump web1.example.org system/etc/data/etc/noise | sha256sum');
  expect(stored).toBe(web1.run('sha256sum </etc/noise'));
});
