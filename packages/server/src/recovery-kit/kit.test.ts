// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { KitFile } from './collect-files.ts';
import { compareKits, type Kit, membersOf, readKit } from './kit.ts';
import { packMembers } from './kit-archive.ts';
import { changesSince, printsOf } from './kit-state.ts';
import { filesInVariables, filesNamedIn } from './named-files.ts';

const file = (path: string, content: string, kind: KitFile['kind'] = 'configuration'): KitFile => {
  return { path, kind, content: Buffer.from(content), mode: 0o600, uid: 0, gid: 0, mtime: 0 };
};

function kit(changed: Partial<Kit> = {}): Kit {
  const repository = { host: 'web1', copy: undefined, location: '/srv/web1', hasCredentials: false, id: undefined };
  return {
    server: 'vault',
    written: '2026-11-21T14:00:00.000Z',
    program: 'backup-server 0.1.0',
    restic: undefined,
    configFile: '/etc/backup/server_config.yml',
    isUsualConfigFile: true,
    localTempBaseDir: '/var/tmp/work',
    repositories: [
      { ...repository, passwordFrom: '/etc/pass', hasPassword: true, ...{ hasEnvironment: true, needsFiles: false } },
    ],
    secrets: [{ password: 'secret', environment: { KEY: `it's` } }],
    problems: [],
    files: [file('/etc/a', 'a'), file('/var/lib/s', 's', 'state')],
    ...changed,
  };
}

describe('a kit', () => {
  it('is read as what it was packed from', () => {
    const list = readKit(packMembers(membersOf(kit())));
    expect(list.files.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'text README.txt',
      'password passwords/web1',
      'password environment/web1.sh',
      'configuration files/etc/a',
      'state files/var/lib/s',
    ]);
    const environment = membersOf(kit()).find(({ path }) => path === 'environment/web1.sh');
    expect(Buffer.from(environment?.content ?? []).toString()).toBe(`export KEY='it'\\''s'\n`);
  });

  it('with a member that is not what the list says is damaged', () => {
    const members = membersOf(kit()).map((member) => {
      return member.path === 'passwords/web1' ? { ...member, content: Buffer.from('other') } : member;
    });
    expect(() => readKit(packMembers(members))).toThrow('The recovery kit is damaged: passwords/web1');
    expect(() => readKit(packMembers(members.slice(1)))).toThrow('does not begin with a kit.json');
  });

  it('is compared with now by what it needs, not by state that changes every day', () => {
    const list = readKit(packMembers(membersOf(kit())));
    expect(compareKits(list, kit({ written: '2026-12-01T00:00:00.000Z' }))).toEqual([]);
    const state = [file('/etc/a', 'a'), file('/var/lib/s', 'later', 'state')];
    expect(compareKits(list, kit({ files: state }))).toEqual([]);
    const changed = { files: [file('/etc/b', 'b')], secrets: [{ password: 'new', environment: {} }] };
    expect(compareKits(list, kit(changed))).toEqual([
      'changed: passwords/web1',
      'new: files/etc/b',
      'gone: environment/web1.sh',
      'gone: files/etc/a',
    ]);
  });
});

it('the memory of the last kit notices changes, and tells nothing about passwords', () => {
  const files = [file('/etc/a', 'a'), file('/etc/b', 'b'), file('/var/lib/s', 's', 'state')];
  const state = { written: '2026-11-21T14:00:00.000Z', file: '/mnt/kit', problems: [], prints: printsOf(files) };
  expect(Object.entries(state.prints)).toEqual([
    ['/etc/a', expect.stringMatching(/^[0-9a-f]{4}$/)],
    ['/etc/b', expect.stringMatching(/^[0-9a-f]{4}$/)],
  ]);
  expect(changesSince(state, files)).toEqual([]);
  expect(changesSince(state, [file('/etc/a', 'A'), file('/etc/c', 'c')])).toEqual([
    'changed: /etc/a',
    'new: /etc/c',
    'gone: /etc/b',
  ]);
});

it('files are found at every key that names one, however deep', () => {
  const value = {
    mail: { password_file: '/etc/mail.pass' },
    restic: { copies: [{ environment_file: '/etc/s3.env', password_command: '/bin/pass' }] },
    hosts: [{ known_hosts_file: ['/root/known', '/etc/known'], ssh_key_file: '/etc/key', other_file: 7 }, null],
  };
  expect(filesNamedIn(value)).toEqual([
    { path: '/etc/mail.pass', kind: 'configuration', neededFor: 'password_file' },
    { path: '/etc/s3.env', kind: 'configuration', neededFor: 'environment_file' },
    { path: '/root/known', kind: 'state' },
    { path: '/etc/known', kind: 'state' },
    { path: '/etc/key', kind: 'configuration', neededFor: 'ssh_key_file' },
  ]);
});

it('and in the variables of repositories, where the name of one says that it is a path', () => {
  const variables = {
    GOOGLE_APPLICATION_CREDENTIALS: '/etc/gcs.json',
    RCLONE_CONFIG: '/etc/rclone.conf',
    SSL_CERT_FILE: '/etc/ca.pem',
    AWS_SECRET_ACCESS_KEY: '/looks/like/one',
    AWS_CONFIG_FILE: 'relative',
    HOME: '/root',
  };
  expect(filesInVariables(variables).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
    'configuration /etc/gcs.json',
    'configuration /etc/rclone.conf',
    'state /etc/ca.pem',
  ]);
});
