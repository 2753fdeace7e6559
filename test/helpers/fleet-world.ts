// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunRecord } from '../../packages/common/src/run-record.ts';
import { createFleet, type Fleet, type Machine, until } from './fleet.ts';
import type { Release } from './fleet-base.ts';
import { installMailServer } from './fleet-mail.ts';
import { followPage, type PageReader } from './fleet-page.ts';

/** Clients and a server that were set up as docs/install.md says, up to and with "Every night". */
export interface World {
  readonly fleet: Fleet;
  readonly clients: readonly [Machine, ...Machine[]];
  readonly server: Machine;
  readonly reader: PageReader;
}

/** Boots machines with nothing of this project on them but, on the server, somebody who takes the mails. */
export async function bootWorld(clients: readonly Release[], server: Release): Promise<World> {
  const fleet = createFleet();
  try {
    const booted: Machine[] = [];
    for (const [index, release] of clients.entries()) booted.push(await fleet.machine(`web${index + 1}`, release));
    const [first, ...others] = booted;
    if (first === undefined) throw new Error('a world without clients');
    const backup = await fleet.machine('backup', server);
    installMailServer(backup);
    const reader = { clients: [first, ...others], server: backup, seen: new Map<string, string>() } as const;
    return { fleet, clients: reader.clients, server: backup, reader };
  } catch (error) {
    await fleet.remove();
    throw error;
  }
}

/** As most stories begin: everything is set up, and every client has one snapshot. */
export function setUp({ reader }: World): void {
  followPage(reader, 'The packages', 'A client', 'The server', 'Every night');
}

/** A service of a client: `<type>/<name>`. */
export function addService(machine: Machine, name: string, text: string): void {
  machine.run(`install -d -m 0700 /etc/backup/${name}`);
  machine.write(`/etc/backup/${name}/service.yaml`, text, 0o600);
}

/** Replaces text of the server's configuration. @throws Error where it is not there */
export function changeConfig(server: Machine, from: string, to: string): void {
  const file = '/etc/backup/server_config.yml';
  const text = readFileSync(server.at(file), 'utf8');
  if (!text.includes(from)) throw new Error(`${file} does not say ${JSON.stringify(from)}`);
  server.write(file, text.replace(from, to), 0o600);
}

/** Lets a unit be started by its timer, with nothing but the time changed, until a command line in the machine succeeds. */
export async function letTimerFire(machine: Machine, name: string, effect: string): Promise<void> {
  hurryTimer(machine, name);
  await until(machine, effect);
  await calmTimer(machine, name);
}

/** Has a timer start its unit every few seconds. */
export function hurryTimer(machine: Machine, name: string): void {
  const often = '[Timer]\nOnCalendar=\nOnCalendar=*-*-* *:*:0/5\nRandomizedDelaySec=0\nAccuracySec=100ms\n';
  machine.run(`mkdir -p /etc/systemd/system/${name}.timer.d`);
  machine.write(`/etc/systemd/system/${name}.timer.d/often.conf`, often);
  machine.run(`systemctl daemon-reload; systemctl restart ${name}.timer`);
}

/** Ends that, and waits until what it has started is over. */
export async function calmTimer(machine: Machine, name: string): Promise<void> {
  machine.run(`systemctl stop ${name}.timer; rm /etc/systemd/system/${name}.timer.d/often.conf`);
  await until(machine, `systemctl show -p ActiveState --value ${name}.service | grep -qxE 'inactive|failed'`);
}

const repositoryOf = (client: Machine) => `/srv/restic/${client.name}.example.org`;

/** A command line of restic about the repository of a client. */
export const resticLine = (client: Machine, words: string): string =>
  `restic -r ${repositoryOf(client)} -p /etc/backup/restic.pass ${words}`;

/** Files of a repository, `snapshots` or `locks`; those that were cut off while they were written do not count. */
export function filesIn({ server }: World, client: Machine, kind: 'snapshots' | 'locks'): readonly string[] {
  return readdirSync(server.at(`${repositoryOf(client)}/${kind}`)).filter((name) => !name.includes('tmp'));
}

/** The record of the newest run of the server, whatever its command. */
export function newestRun({ server }: World): RunRecord {
  const directory = server.at('/var/lib/backup-server/runs');
  const records = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name): RunRecord => JSON.parse(readFileSync(`${directory}/${name}`, 'utf8')));
  const newest = records.sort((a, b) => (a.started < b.started ? -1 : 1)).at(-1);
  if (newest === undefined) throw new Error('the server has no record of a run');
  return newest;
}

/** Waits for something that is seen from outside. @throws Error after three minutes */
export async function untilSeen(what: string, isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 1_800; attempt += 1) {
    if (isSo()) return;
    await sleep(100);
  }
  throw new Error(`waited in vain for: ${what}`);
}
