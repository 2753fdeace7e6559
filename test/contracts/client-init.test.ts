// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillHost } from '../helpers/init-host.ts';
import { createInitLab, type InitLab } from '../helpers/init-lab.ts';

let lab: InitLab;

beforeEach(() => {
  lab = createInitLab();
});

afterEach(() => lab.remove());

const ALL = [
  'databases/grafana',
  'databases/influxdb',
  'databases/ldap',
  'databases/mariadb',
  'databases/mongodb',
  'databases/postgresql',
  'databases/redis',
  'databases/shop-cache',
  'databases/shop-db',
  'databases/valkey',
  'docker/shop',
  'files/home',
  'files/opt',
  'files/root',
  'files/srv',
  'files/usr-local',
  'mail/mail',
  'other/backup-modules',
  'other/backup-scripts',
  'services/shop',
  'system/etc',
  'system/system',
  'system/univention',
  'web/www',
];

describe('backup-client init --yes', () => {
  it('writes a file for everything on the host, each of which the real plugins accept, and shows what check says', async () => {
    lab.configure();
    await fillHost(lab);
    const { printed } = await lab.init({ yes: true });
    const { services, rejected } = await lab.services();
    expect(rejected).toEqual([]);
    expect(services.map(({ type, name }) => `${type}/${name}`).sort()).toEqual(ALL);
    expect(services.flatMap(({ warnings }) => warnings)).toEqual([]);
    const file = lab.at('backup/docker/shop/service.yaml');
    expect([statSync(file).mode & 0o7777, statSync(lab.at('backup/docker')).mode & 0o7777]).toEqual([0o600, 0o700]);
    expect(Object.keys(lab.written()).filter((name) => !name.endsWith('/service.yaml'))).toEqual(['client_config.yml']);
    // Passwords on the host are seen and never written down.
    expect(JSON.stringify([lab.written(), printed])).not.toContain('hunter2');
    expect(printed).toContain(`Written: ${file}\n`);
    expect(printed).toMatch(/^ok +system\/system +system/m);
    expect(printed).toMatch(/^ {2}files\/home +there are files in \/home \(100 KiB\)$/m);
    expect(printed).toContain('Cluster 14/old of PostgreSQL is not proposed: it does not run.');
    expect(printed).toContain('Units of your own that name no directory with data: silent.service.');
    expect(printed).toContain("backup-client init --server-key 'ssh-ed25519 AAAA...'");
    // Databases in containers are dumped while they run, the others stopped.
    const optionsOf = (name: string) => services.find((service) => service.name === name)?.tasks[0]?.options;
    expect(optionsOf('shop')).toMatchObject({
      compose_file: '/opt/shop/compose.yml',
      volumes: true,
      stop_services: ['app'],
      exclude_volumes: ['shop_db'],
    });
    expect(optionsOf('shop-db')).toMatchObject({ database: 'all', container: 'shop-db-1', user: 'shop' });
    expect(optionsOf('redis')).toMatchObject({ password_file: '/etc/backup/secret/redis' });
  });

  it('saves the volume of a database that was not chosen with its project', async () => {
    lab.configure();
    await fillHost(lab);
    await lab.init({ yes: true, service: ['docker/shop'] });
    const { services } = await lab.services();
    expect(services.map(({ name }) => name)).toEqual(['shop']);
    expect(services[0]?.tasks[0]?.options).toMatchObject({ stop_services: true, exclude_volumes: [] });
  });

  it('overwrites nothing, and proposes nothing twice', async () => {
    lab.configure();
    await fillHost(lab);
    lab.service('mine/everything', 'service: {name: everything}\nfiles: {paths: [/etc, /home, /srv]}\n');
    lab.service('docker/shop', 'service: {name: shop}\ncommand: {run: [date], stdout: date}\n');
    lab.service('broken/x', 'service: [\n');
    const first = await lab.init({ yes: true });
    const before = lab.written();
    expect(Object.keys(before)).toContain('docker/shop-2/service.yaml');
    expect(before['docker/shop/service.yaml']).toContain('command');
    expect(Object.keys(before)).not.toContain('files/home/service.yaml');
    expect(first.printed).toContain(`/home: mine/everything (${lab.at('backup/mine/everything/service.yaml')})`);
    expect(first.printed).toContain('broken/x/service.yaml cannot be read, so what it saves may be proposed again');
    const again = await lab.init({ yes: true });
    expect(lab.written()).toEqual(before);
    expect(again.printed).toContain('Nothing is proposed');
  });

  it('does not write through a link, and writes the others', async () => {
    lab.configure();
    await fillHost(lab);
    mkdirSync(lab.at('elsewhere'));
    symlinkSync(lab.at('elsewhere'), lab.at('backup/web'));
    const { printed, error } = await lab.init({ yes: true });
    expect(printed).toContain(`NOT written: ${lab.at('backup/web')} is no directory`);
    expect(existsSync(lab.at('elsewhere/www'))).toBe(false);
    expect(existsSync(lab.at('backup/system/etc/service.yaml'))).toBe(true);
    expect(error?.code).toBe('config');
  });

  it('saves what a link leads to: a link alone would be no copy', async () => {
    lab.configure();
    lab.file('/data/home/me/x');
    symlinkSync('/data/there', lab.at('root/home'));
    symlinkSync('home', lab.at('root/data/there'));
    const { printed } = await lab.init({ yes: true, service: ['home'] });
    expect(printed).toContain('there are files in /home, which leads to /data/home');
    expect((await lab.services()).services[0]?.tasks[0]?.options).toMatchObject({ paths: ['/data/home'] });
  });
});

describe('backup-client init, looking only', () => {
  it('prints the files with --dry-run, and lists with --json; both write nothing', async () => {
    await fillHost(lab);
    const dry = await lab.init({ dryRun: true });
    expect(dry.error).toBeUndefined();
    expect(dry.printed).toContain(
      `--- ${lab.at('backup/system/etc/service.yaml')}\n# system/etc: there are files in /etc.\n`,
    );
    expect(dry.printed).toContain('Nothing was written.');
    const { proposals, already } = JSON.parse((await lab.init({}, { json: true })).printed);
    expect(proposals.map(({ service }: { service: string }) => service).sort()).toEqual(ALL);
    expect(proposals[0]).toMatchObject({ why: expect.any(String), text: expect.stringContaining('service:') });
    expect(already).toEqual([]);
    expect(lab.written()).toEqual({});
  });

  it('wants --yes where nobody can be asked, and refuses what contradicts itself', async () => {
    const { error } = await lab.init({});
    expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining('--dry-run') });
    expect((await lab.init({ yes: true, dryRun: true })).error?.code).toBe('usage');
    expect((await lab.init({ dryRun: true, service: ['nothing'] })).error?.message).toContain('is proposed: nothing');
    expect((await lab.init({ dryRun: true, serverAddress: ['192.0.2.1'] })).error?.code).toBe('usage');
  });

  it('says what it could not look at, and goes on', async () => {
    lab.file('/srv/shop/docker-compose.yml');
    lab.program('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    lab.program('pg_lsclusters', 'echo oops >&2; exit 3');
    // Hangs, longer than counting may take.
    lab.program('du', 'exec sleep 60');
    const { printed, error } = await lab.init({ dryRun: true });
    expect(error).toBeUndefined();
    expect(printed).toContain('docker does not answer (docker failed with exit code 1.');
    expect(printed).toContain('The compose files that were found are proposed.');
    expect(printed).toMatch(/docker\/shop +a compose file; no container engine answered/);
    expect(printed).toContain('Not looked at: PostgreSQL: pg_lsclusters failed with exit code 3');
    expect(printed).toMatch(/files\/srv +there are files in \/srv\n/);
  });
});

describe('names that mean harm', () => {
  it('become names of services, or are refused with a message; no file holds a line that they made', async () => {
    lab.configure();
    const names = ['o\'brien & "co"', '-rf', 'a: b #c', '{{x}}', '$(id)', 'line\nservice: {name: evil}'];
    for (const name of names) lab.file(`/opt/${name}/compose.yaml`);
    lab.program('docker', 'exit 1');
    lab.file('/etc/systemd/system/-x y.service', '[Service]\nWorkingDirectory=/srv/it\'s "x": y\n');
    lab.file('/etc/systemd/system/shop.service', '[Service]\nWorkingDirectory=/srv/it\'s "x": y\n');
    lab.file('/srv/it\'s "x": y/z');
    const { printed } = await lab.init({ yes: true });
    const { services, rejected } = await lab.services();
    expect(rejected).toEqual([]);
    const files = services.flatMap(({ tasks }) => tasks.flatMap(({ options }) => Object(options).compose_file ?? []));
    expect(files.sort()).toEqual(
      names
        .filter((name) => !name.includes('\n'))
        .map((name) => `/opt/${name}/compose.yaml`)
        .sort(),
    );
    expect(services.map(({ name }) => name)).not.toContain('evil');
    expect(printed).toMatch(/docker\/line-service-name-evil.* is not proposed/);
    expect(printed).toMatch(/services\/x-y.* is not proposed/);
    expect(services.find(({ name }) => name === 'shop')?.tasks[1]?.options).toMatchObject({
      paths: ['/srv/it\'s "x": y'],
    });
  });
});
