// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { parseCommonConfig } from '@local-backup/common/config/common-config';
import { describe, expect, it } from 'vitest';
import { anomalySchema } from './anomaly-schema.ts';
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

function read(text: string, common = empty, verbose = false) {
  return parseServerConfig(text, FILE, common, { hostname: 'machine', verbose });
}

it("reads the original's file unchanged", async () => {
  const original = new URL('../../../../test/fixtures/original-config/server_config.yml', import.meta.url);
  const config = read(await readFile(original, 'utf8'));
  expect(config).toMatchObject({
    hostname: 'vault.example.org',
    adminEmail: 'server-admin+backup@example.org',
    emailSubjectPrefix: '[Vault]',
    localTempBaseDir: '/var/tmp/backup_server_work',
    mail: { commands: [['/usr/bin/msmtp']] },
    restic: {
      repositoryRoot: '/media/backup/restic',
      passwordFile: '/etc/backup/restic.pass',
      command: ['restic'],
      backupOptions: ['--compression', 'max', '--exclude-if-present', '.backup_ignore'],
      maintenance: {
        forgetPolicy: '--keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 3'.split(' '),
        checkOptions: ['--read-data-subset', '10%'],
        checkReadData: '10%',
        emailSubjectPrefix: '[Vault]',
      },
    },
    rejectedHosts: [],
    warnings: [],
  });
  expect(config.hosts).toMatchObject([
    {
      hostname: 'client-a.example.org',
      adminEmail: 'server-admin+backup@example.org',
      remoteTarDir: '/var/tmp/backups',
    },
    {
      hostname: 'client-b.example.org',
      adminEmail: 'admin_b+backup@example.org',
      remoteTarDir: '/var/tmp/backups',
      forgetPolicy: ['--keep-last', '3', '--keep-within', '1y6m'],
    },
  ]);
});

it('fills in defaults', () => {
  const { hosts, restic, tools, mail, drill, reports, anomaly, ...rest } = read(GLOBAL + RESTIC + HOSTS);
  expect(rest).toEqual({
    hostname: 'machine',
    adminEmail: 'admin@example.org',
    emailSubjectPrefix: '[Backup Server]',
    logLevel: 'info',
    localTempBaseDir: '/var/tmp/work',
    stateDir: '/var/lib/backup-server',
    liveDir: '/var/lib/backup-server/live',
    lockDir: '/run',
    parallelHosts: 1,
    lockRetries: 3,
    lockRetryDelayMs: 120_000,
    retryFailedHosts: 1,
    hostTimeLimitMs: 12 * 3_600_000,
    rejectedHosts: [],
    warnings: [],
  });
  expect(drill).toMatchObject({ olderShare: 0.25 });
  expect(reports).toMatchObject({ mail: 'always' });
  expect(anomaly).toEqual(anomalySchema.parse({}));
  expect(hosts).toEqual([
    {
      hostname: 'web',
      adminEmail: 'admin@example.org',
      remoteTarDir: '/spool',
      maxAgeMs: 26 * 3_600_000,
      maxArchiveBytes: 100 * 1024 ** 3,
      maxUnpackedBytes: 1024 ** 4,
      maxEntries: 20_000_000,
      acceptWithoutManifest: false,
      bandwidth: undefined,
      minimumRate: 1_024,
      forgetPolicy: undefined,
      ssh: {
        address: 'web',
        port: 22,
        user: 'backup',
        keyFile: '/key',
        passphraseFile: undefined,
        useAgent: false,
        knownHostsFiles: ['/root/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'],
        connectTimeoutMs: 10_000,
        requestTimeoutMs: 60_000,
        keepaliveIntervalMs: 15_000,
        keepaliveCountMax: 3,
        jump: undefined,
      },
    },
  ]);
  expect(restic.maintenance.emailSubjectPrefix).toBe('[Restic Maint]');
  expect([tools.restic, mail.transport]).toEqual([['restic'], 'sendmail']);
});

it('host settings overrule the defaults; another host to go through has its own', () => {
  const text = `${HOSTS}    address: 192.0.2.1
    port: 2222
    max_age: 3d
    bandwidth_limit: 1M
    known_hosts_file: /kh
    jump: {address: gate, ssh_user: hop, ssh_agent: true, port: 2022}
`;
  expect(read(GLOBAL + RESTIC + text).hosts[0]).toMatchObject({
    hostname: 'web',
    maxAgeMs: 259_200_000,
    bandwidth: 1_048_576,
    ssh: {
      address: '192.0.2.1',
      port: 2_222,
      knownHostsFiles: ['/kh'],
      jump: { address: 'gate', port: 2_022, user: 'hop', useAgent: true, keyFile: undefined, jump: undefined },
    },
  });
});

describe('subject prefix and host name: maintenance before global before top level', () => {
  const top = 'email_subject_prefix: "[Top]"\nhostname: top\n';
  const inGlobal = '  email_subject_prefix: "[G]"\n  hostname: g\n';
  const inMaintenance = '  maintenance: {email_subject_prefix: "[M]"}\n';

  it.each([
    { text: top + GLOBAL + RESTIC, found: ['[Top]', '[Top]', 'top'] },
    { text: top + GLOBAL + inGlobal + RESTIC, found: ['[G]', '[G]', 'g'] },
    { text: GLOBAL + inGlobal + RESTIC + inMaintenance, found: ['[G]', '[M]', 'g'] },
    { text: GLOBAL + RESTIC, found: ['[Backup Server]', '[Restic Maint]', 'machine'] },
  ])('$found', ({ text, found }) => {
    const { emailSubjectPrefix, restic, hostname } = read(text + HOSTS);
    expect([emailSubjectPrefix, restic.maintenance.emailSubjectPrefix, hostname]).toEqual(found);
  });
});

it.each([
  [GLOBAL, 'global: {}\n', 'global.local_temp_base_dir: is missing'],
  [GLOBAL, 'global: {}\n', 'global.admin_email: is missing'],
  ['/srv/restic', 'srv', 'restic.repository_root: must be an absolute path or a restic location'],
  ['password_file: /etc/backup/restic.pass', 'backup_options: x', 'restic.password_file: is missing: needed unless'],
  ['restic.pass', 'restic.pass\n  password_command: x', 'restic.password_command: must not be given beside'],
  ['restic.pass', 'restic.pass\n  backup_options: --host x', 'restic.backup_options: must not hold `--host`'],
  ['restic.pass', 'restic.pass\n  backup_options: [--exclude=a b, -r=x]', 'must not hold `-r=x`'],
  [
    'restic.pass',
    'restic.pass\n  maintenance: {forget_policy: --keep-last -1}',
    'forget_policy: must have a whole number',
  ],
  ['restic.pass', 'restic.pass\n  maintenance: {prune: 1}', 'restic.maintenance.prune: must be true or false'],
  [
    'restic.pass',
    'restic.pass\n  maintenance: {check_read_data_mode: some}',
    'check_read_data_mode: must be true, false or a share',
  ],
  ['work', 'work\n  paralel_hosts: 2', 'global.paralel_hosts: unknown key. Did you mean `parallel_hosts`?'],
])('with %j instead of %j', (right, wrong, complaint) => {
  expect(() => read((GLOBAL + RESTIC + HOSTS).replace(right, wrong))).toThrow(complaint);
});

it.each(['/', '/srv/restic/', 'sftp:user@host:/srv', 'rest:https://host:8000/', 's3:s3.amazonaws.com/bucket'])(
  'repositories may be at %s',
  (root) => {
    const { repositoryRoot } = read((GLOBAL + RESTIC + HOSTS).replace('/srv/restic', root)).restic;
    expect(repositoryRoot).toBe(root.length > 1 ? root.replace(/\/$/, '') : root);
  },
);

it('-v counts before everything', () => {
  const text = GLOBAL.replace('global:', 'global:\n  log_level: 0') + RESTIC + HOSTS;
  expect(read(text).restic.maintenance.logLevel).toBe('error');
  expect(read(text, empty, true)).toMatchObject({ logLevel: 'debug', restic: { maintenance: { logLevel: 'debug' } } });
});

it('common_config gives the recipient and restic', () => {
  const common = parseCommonConfig('DEFAULT_ADMIN_EMAIL=foo\nRESTIC_CMD=/opt/restic', 'common_config', {});
  const config = read(GLOBAL.replace(/ {2}admin.*\n/, '') + RESTIC + HOSTS, common);
  expect(config).toMatchObject({ adminEmail: 'foo', restic: { command: ['/opt/restic'] } });
  expect(config.warnings).toEqual(['global.admin_email "foo" is no usual mail address; mails may not arrive.']);
});
