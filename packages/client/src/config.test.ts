// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommonConfig } from '@local-backup/common/config/common-config';
import { renderEffective } from '@local-backup/common/config/show';
import { describe, expect, it } from 'vitest';
import { loadClientConfig, parseClientConfig } from './config.ts';

const FILE = '/etc/backup/client_config.yml';
const facts = { hostname: 'machine.example.org', cores: 4, verbose: false };
const empty = parseCommonConfig('', '/etc/backup/common_config', {});

const MINIMAL = `
base_backup_dir: /var/spool/backup
backup_user: backup
backup_group: backup
admin_email: admin@example.org
keep_days: 7
`;

const read = (text: string, common = empty, verbose = false) =>
  parseClientConfig(text, FILE, common, { ...facts, verbose });

it("reads the original's file unchanged", async () => {
  const original = new URL('../../../test/fixtures/original-config/client_config.yml', import.meta.url);
  expect(read(await readFile(original, 'utf8'))).toMatchObject({
    hostname: 'my-client.example.com',
    baseBackupDir: '/var/tmp/backups',
    backupUser: 'backup-ld',
    backupGroup: 'backup-ld',
    adminEmail: 'client-admin+backup@example.org',
    keepDays: 14,
    minFreeBytes: 1_000 * 1024 * 1024,
    logLevel: 'debug',
    pluginDir: '/opt/backup/lib/plugins',
    tools: { tar: ['/bin/tar'], docker: ['/usr/bin/docker', 'compose'], msmtp: ['/usr/bin/msmtp'] },
    mail: { transport: 'sendmail', commands: [['/usr/bin/msmtp']] },
    warnings: [],
  });
});

it('fills in defaults', () => {
  expect(read(MINIMAL)).toEqual({
    hostname: 'machine.example.org',
    baseBackupDir: '/var/spool/backup',
    backupUser: 'backup',
    backupGroup: 'backup',
    adminEmail: 'admin@example.org',
    emailSubjectPrefix: '[Backup Error]',
    mail: { transport: 'sendmail', commands: [['msmtp'], ['/usr/sbin/sendmail']], from: undefined, timeoutMs: 30_000 },
    logLevel: 'info',
    keepDays: 7,
    minFreeBytes: 500 * 1024 * 1024,
    gzipLevel: 2,
    compressionThreads: 4,
    serviceDir: '/etc/backup',
    parallelServices: 1,
    pluginDir: '/opt/backup/lib/plugins',
    stateDir: '/var/lib/backup-client',
    lockDir: '/run',
    lockRetries: 3,
    lockRetryDelayMs: 60_000,
    taskTimeoutMs: 6 * 3_600_000,
    tools: expect.objectContaining({ tar: ['tar'], docker: ['docker', 'compose'], msmtp: [] }),
    warnings: [],
  });
});

describe('common_config', () => {
  const common = parseCommonConfig(
    `DEFAULT_ADMIN_EMAIL=common@example.org
DEFAULT_KEEP_DAYS=3
DEFAULT_MIN_FREE_SPACE_MB=9
DEFAULT_PLUGIN_DIR=/srv/plugins
LOG_LEVEL=1
TAR_CMD="/opt/tar --warning=none"`,
    'common_config',
    {},
  );

  it('gives what the YAML file leaves out', () => {
    expect(read('base_backup_dir: /b\nbackup_user: u\nbackup_group: g', common)).toMatchObject({
      adminEmail: 'common@example.org',
      keepDays: 3,
      minFreeBytes: 9 * 1024 * 1024,
      pluginDir: '/srv/plugins',
      logLevel: 'warn',
      tools: { tar: ['/opt/tar', '--warning=none'] },
    });
  });

  it('is overruled by the YAML file, and both by -v', () => {
    const text = `${MINIMAL}min_free_space_mb: 0\nlog_level: 0\nplugin_dir: /p\ntools: {tar_cmd: tar}`;
    const expected = {
      adminEmail: 'admin@example.org',
      keepDays: 7,
      minFreeBytes: 0,
      pluginDir: '/p',
      tools: { tar: ['tar'] },
    };
    expect(read(text, common)).toMatchObject({ ...expected, logLevel: 'error' });
    expect(read(text, common, true)).toMatchObject({ ...expected, logLevel: 'debug' });
  });
});

it('names every mandatory key that is missing, also beside other mistakes', () => {
  expect(() => read('keep_day: 3')).toThrow(
    new RegExp(
      ['base_backup_dir', 'backup_user', 'backup_group', 'keep_days', 'admin_email']
        .map((key) => `1:1: ${key}: is missing: .*`)
        .concat('1:1: keep_day: unknown key. Did you mean `keep_days`')
        .join('\\n.*'),
    ),
  );
});

it('has to name a machine that does not know its name', () => {
  const nameless = (text: string) => parseClientConfig(text, FILE, empty, { ...facts, hostname: undefined });
  expect(() => nameless(MINIMAL)).toThrow(`${FILE}:1:1: hostname: is missing: Name of this machine`);
  expect(nameless(`${MINIMAL}hostname: web1`).hostname).toBe('web1');
});

it.each([
  ['keep_days: 7', 'keep_days: 0', 'keep_days: must be at least 1'],
  ['base_backup_dir: /var/spool/backup', 'base_backup_dir: spool', 'base_backup_dir: must be an absolute path'],
  ['backup_user: backup', 'backup_user: "a b"', 'backup_user: must be the name of an account'],
  ['admin_email: admin@example.org', 'admin_email: -oX', 'admin_email: must be a mail address'],
  ['keep_days: 7', 'keep_days: 7\nmin_free_space_mb: -1', 'min_free_space_mb: must be at least 0'],
  ['keep_days: 7', 'keep_days: 7\nlog_level: 4', 'log_level: must be at most 3'],
  ['keep_days: 7', 'keep_days: 7\ngzip_level: 10', 'gzip_level: must be at most 9'],
  ['keep_days: 7', 'keep_days: 7\nhostname: ../x', 'hostname: must be a host name'],
  ['keep_days: 7', 'keep_days: 7\ntask_timeout: 30d', 'task_timeout: must be at most 3w3d'],
  ['keep_days: 7', 'keep_days: 7\ntools: {tra_cmd: x}', 'tools.tra_cmd: unknown key. Did you mean `tar_cmd`?'],
])('instead of %j, %j is refused', (right, wrong, complaint) => {
  expect(() => read(MINIMAL.replace(right, wrong))).toThrow(complaint);
});

it.each(['/', '/etc', '/var/', '/tmp', '/home', '/usr', '/root', '//var//lib', '/etc/../var/spool/.'])(
  'the spool may not be %s: a run would change its owner and mode',
  (directory) => {
    expect(() => read(MINIMAL.replace('/var/spool/backup', directory))).toThrow(
      'base_backup_dir: must be a directory of its own, `/var/spool/backup` for example',
    );
  },
);

it.each(['/var/spool/backup', '/srv/backup', '/backup', '/var/tmp/backups'])('the spool may be %s', (directory) => {
  expect(read(MINIMAL.replace('/var/spool/backup', directory)).baseBackupDir).toBe(directory);
});

it('an unusual mail address is only a warning', () => {
  expect(read(MINIMAL.replace('admin@example.org', 'foo')).warnings).toEqual([
    'admin_email "foo" is no usual mail address; mails may not arrive.',
  ]);
});

it('is shown with keys and units as in the file', () => {
  const shown = renderEffective(read(`${MINIMAL}lock_retry_delay: 90\ntools: {docker_cmd: a b}`));
  expect(shown).toContain('  docker: [a, b]\n');
  expect(shown).toContain('lock_retry_delay: 1m30s\n');
  expect(shown).toContain('min_free: 500 MiB\n');
  expect(shown).toContain('base_backup_dir: /var/spool/backup\n');
});

it('is read from two protected files, of which common_config may be missing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'client-config-'));
  try {
    const files = { file: join(directory, 'client_config.yml'), commonFile: join(directory, 'common_config') };
    const load = () => loadClientConfig({ ...files, environment: { LEVEL: '3' } }, facts);
    await expect(load()).rejects.toThrow(`${files.file} cannot be read: there is no such file.`);
    await writeFile(files.file, MINIMAL, { mode: 0o600 });
    expect((await load()).logLevel).toBe('info');
    await writeFile(files.commonFile, 'LOG_LEVEL=$LEVEL', { mode: 0o600 });
    expect((await load()).logLevel).toBe('debug');
    await chmod(files.commonFile, 0o644);
    await expect(load()).rejects.toThrow(`${files.commonFile} has mode 0644`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
