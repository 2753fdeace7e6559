// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseCommonConfig } from '@local-backup/common/config/common-config';
import { describe, expect, it, test } from 'vitest';
import { configShow } from '../commands/config.ts';
import { repositoriesOf, repositoryOf } from '../commands/host-repositories.ts';
import { parseServerConfig } from './config.ts';

const GLOBAL = 'global: { local_temp_base_dir: /var/tmp/work, admin_email: admin@example.org }\n';

/** The configuration of a host `web` with these lines for `restic` and these for the host. */
function read(restic: readonly string[] = [], host: readonly string[] = []) {
  const usual = ['repository_root: /srv/restic', 'password_file: /etc/restic.pass'];
  const keys = (lines: readonly string[]) => lines.map((line) => line.split(':')[0]);
  const section = [...usual.filter((line) => !keys(restic).includes(line.split(':')[0])), ...restic];
  const lines = ['hostname: web', 'ssh_user: backup', 'ssh_key_file: /key', 'remote_tar_dir: /spool', ...host];
  const text = `${GLOBAL}restic:\n  ${section.join('\n  ')}\nhosts:\n  - ${lines.join('\n    ')}\n  - { hostname: db, ssh_user: b, ssh_key_file: /key, remote_tar_dir: /spool }\n`;
  return parseServerConfig(text, '/e.yml', parseCommonConfig('', '/common', {}), { hostname: 'm', verbose: false });
}

function firstOf(...lines: Parameters<typeof read>) {
  const config = read(...lines);
  const [host] = config.hosts;
  if (host === undefined) throw new Error('no host');
  return { config, all: repositoriesOf(host, config), host };
}

describe('the repository of a host', () => {
  it.each([
    [[], [], { location: '/srv/restic/web', password: { file: '/etc/restic.pass' }, environment: undefined }],
    [['repository_root: local:/srv/restic'], [], { location: '/srv/restic/web' }],
    [['repository_root: sftp:b@nas:/{hostname}/restic'], [], { location: 'sftp:b@nas:/web/restic' }],
    [['environment_file: /e'], [], { environment: { file: '/e' } }],
    [['environment_file: /e'], ['restic_environment_credential: web'], { environment: { credential: 'web' } }],
    [[], ['repository: rest:https://h/{hostname}'], { location: 'rest:https://h/web' }],
    [[], ['restic_password_command: pass web'], { password: { command: 'pass web' } }],
    [[], ['restic_password_credential: web.key'], { password: { credential: 'web.key' } }],
  ])('with %j and %j', (restic, host, expected) => {
    expect(firstOf(restic, host).all[0]).toMatchObject(expected);
  });
});

test('copies have a place, a password and a policy of their own, or the policy of the first', () => {
  const copies = [
    'copies: [{ name: a, repository_root: "b2:bucket", password_credential: a, environment_file: /a.env },',
    '    { name: b, repository_root: /mnt/b, password_file: /b, forget_policy: --keep-last 9, max_age: 2d }]',
  ];
  const { all, config, host } = firstOf(copies, ['restic_forget_policy: --keep-daily 3']);
  expect(all).toMatchObject([
    { name: undefined, forgetPolicy: ['--keep-daily', '3'] },
    { name: 'a', location: 'b2:bucket:/web', password: { credential: 'a' }, forgetPolicy: ['--keep-daily', '3'] },
    { name: 'b', location: '/mnt/b/web', environment: undefined, forgetPolicy: ['--keep-last', '9'] },
  ]);
  expect(all.map(({ copy }) => copy?.maxAgeMs)).toEqual([undefined, 8 * 86_400_000, 2 * 86_400_000]);
  expect(repositoryOf(host, config, 'b').name).toBe('b');
  expect(() => repositoryOf(host, config, 'c')).toThrow(/no copy "c"; restic.copies has: a, b\./);
});

const COPY = '{ name: a, repository_root: /mnt/a, password_file: /a }';

it.each([
  [['repository_root: ftp://host'], 'repository_root: must be an absolute path or a restic location'],
  [['repository_root: /srv/{host}'], 'must hold no braces but those of `{hostname}`'],
  [['password_credential: x'], 'restic.password_credential: must not be given beside `password_file`'],
  [['password_credential: ../x'], 'must be the name of a systemd credential'],
  [['environment_file: /e', 'environment_credential: e'], 'must not be given beside `environment_file`'],
  [[`copies: [${COPY}, ${COPY}]`], 'restic.copies[1].name: is the name of another copy above'],
  [['copies: [{ name: A, repository_root: /mnt/a, password_file: /a }]'], 'copies[0].name: must be a short name'],
  [['copies: [{ name: a, repository_root: /mnt/a }]'], 'copies[0].password_file: is missing: needed unless'],
  [['copies: [{ name: a, repository_root: /srv/restic, password_file: /a }]'], 'the copy "a" of web would be at'],
])('%j is refused', (restic, complaint) => {
  expect(() => read(restic)).toThrow(complaint);
});

it.each([
  [['repository: /srv/restic/db'], '/e.yml:13:5: hosts[1].hostname: the repository of db would be at /srv/restic/db'],
  [['repository: /var/lib/backup-server/live/web'], 'hosts[0].repository: the repository of web (/var'],
  [['restic_password_file: /p', 'restic_password_command: x'], 'restic_password_command: must not be given beside'],
  [['restic_environment_file: /p', 'restic_environment_credential: x'], 'restic_environment_credential: must not'],
])('a host with %j is refused, with line and column', (host, complaint) => {
  const [rejected, ...others] = read([], host).rejectedHosts;
  expect(rejected?.message).toMatch(/^\/e\.yml:\d+:\d+: hosts\[/);
  expect(rejected?.message).toContain(complaint.replace(/^\/e\.yml:\d+:\d+: /, ''));
  expect(others).toEqual([]);
});

test('`config show` hides what a location holds, and shows the rest as it is in the file', () => {
  const copies = [
    'copies: [{ name: a, repository_root: "rest:https://u:can@ary@h/", password_file: /a },',
    '    { name: b, repository_root: "rclone::s3,secret_access_key=canary:bucket", password_file: /b }]',
  ];
  const lines: string[] = [];
  const config = read(copies, ['repository: rest:https://v:canary@other/web']);
  expect(config.warnings).toEqual([
    expect.stringContaining('Everybody on this machine can read the secret in "rclone:'),
  ]);
  configShow(config, (line) => lines.push(line));
  const shown = lines.join('\n');
  expect(shown).not.toMatch(/canary|can@ary|ary@/);
  expect(shown).toContain('repository: rest:https://v:***@other/web');
  expect(shown).toContain('password_file: /a');
});
