// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseCommonConfig } from '@local-backup/common/config/common-config';
import { describe, expect, it } from 'vitest';
import { parseServerConfig } from './config.ts';

const FILE = '/etc/backup/server_config.yml';
const empty = parseCommonConfig('', '/etc/backup/common_config', {});

const GLOBAL = `global:
  local_temp_base_dir: /var/tmp/work
  admin_email: admin@example.org
`;
const RESTIC = `restic:
  repository_root: /srv/restic
  password_file: /etc/backup/restic.pass
`;
const HOSTS = `hosts:
  - hostname: web
    ssh_user: backup
    ssh_key_file: /key
    remote_tar_dir: /spool
`;

function read(text: string) {
  return parseServerConfig(text, FILE, empty, { hostname: 'machine', verbose: false });
}

describe('directories that would destroy each other', () => {
  it.each([
    ['  live_dir: /srv/restic\n', 'global.live_dir: live_dir (/srv/restic) is the same as repository_root'],
    ['  live_dir: /srv\n', 'restic.repository_root: repository_root (/srv/restic) is within live_dir (/srv)'],
    ['  live_dir: /a/../var/tmp/work\n', 'live_dir (/var/tmp/work) is the same as local_temp_base_dir'],
    [
      '  state_dir: /srv\n  live_dir: /srv/runs/x\n',
      'global.live_dir: live_dir (/srv/runs/x) is within state_dir/runs',
    ],
  ])('%j', (lines, complaint) => {
    expect(() => read(GLOBAL + lines + RESTIC + HOSTS)).toThrow(complaint);
  });

  it('a host is rejected alone where only its name makes them overlap', () => {
    const text = `${GLOBAL}  live_dir: /srv/restic/live\n${RESTIC}${HOSTS}${HOSTS.replace('hosts:\n', '').replace('web', 'live')}`;
    const { hosts, rejectedHosts } = read(text);
    expect(hosts.map((host) => host.hostname)).toEqual(['web']);
    expect(rejectedHosts).toMatchObject([
      { hostname: 'live', message: expect.stringContaining('the same as repository_root/live (/srv/restic/live)') },
    ]);
  });
});

describe('an invalid host is rejected alone', () => {
  it('with all complaints, the others are processed', () => {
    const text = `${HOSTS}  - hostname: bad
    ssh_usr: x
    port: 0
    remote_tar_dir: spool
  - 5
  - {hostname: web, ssh_user: a, ssh_agent: true, remote_tar_dir: /s}
`;
    const { hosts, rejectedHosts } = read(GLOBAL + RESTIC + text);
    expect(hosts.map((host) => host.hostname)).toEqual(['web']);
    expect(
      rejectedHosts.map((host) => [host.hostname, host.message.split('\n').map((line) => line.slice(FILE.length + 1))]),
    ).toEqual([
      [
        'bad',
        [
          '12:5: hosts[1].ssh_user: is missing: Account to log in as; it needs SFTP, no shell.',
          '12:5: hosts[1].ssh_key_file: is missing: needed unless `ssh_agent: true`',
          '13:5: hosts[1].ssh_usr: unknown key. Did you mean `ssh_user`?',
          '14:11: hosts[1].port: must be at least 1, but is the number 0',
          '15:21: hosts[1].remote_tar_dir: must be an absolute path, starting with `/`, but is "spool"',
        ],
      ],
      [undefined, ['16:5: hosts[2]: must be a section with keys of its own, but is the number 5']],
      ['web', ['17:16: hosts[3].hostname: there is a host "web" above already; each needs a name of its own']],
    ]);
  });

  it.each([
    ['hosts: []\n', 'hosts: must not be empty, but is an empty list'],
    ['', 'hosts: is missing: The machines that are backed up'],
    ['hosts: web\n', 'hosts: must be a list, but is "web"'],
    ['hosts: [{hostname: web}]\n', 'hosts: no host can be used:\n'],
  ])('no host that can be used is an error: %j', (hosts, complaint) => {
    expect(() => read(GLOBAL + RESTIC + hosts)).toThrow(complaint);
  });
});
