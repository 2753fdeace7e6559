// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab, startProgram } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab();
  lab.addService('web/app', 'service: {name: app}\ncommand: {run: date, stdout: date.txt}\n');
});

afterEach(() => lab.configure());

afterAll(() => lab.remove());

const configFile = (program: 'client' | 'server') => (program === 'client' ? lab.clientConfig : lab.serverConfig);

/** Nothing of a run has happened: no record, no archive. */
function expectUntouched(): void {
  for (const program of ['client', 'server']) expect(existsSync(lab.at(`${program}-state`))).toBe(false);
  expect(lab.archives()).toEqual([]);
}

/** What a complaint is about: `LINE:COLUMN key`. */
function complaintsIn(stderr: string, file: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith(`${file}:`))
    .map((line) => line.slice(file.length + 1).replace(/^(\d+:\d+): ([^:]+): .*/, '$1 $2'));
}

const CLIENT_MISTAKES = `base_backup_dir: spool
backup_user: "ro ot"
backup_group: root
admin_mail: admin@example.org
keep_days: 0
hostname: lab 1
gzip_level: 12
lock_retries: -1
lock_retry_delay: soon
log_level: 7
`;

const SERVER_MISTAKES = `globl: {}
global:
  local_temp_base_dir: temp
  admin_email: admin@example.org
  parallel_hosts: 0
  lock_retry_delay: later
  log_levle: 2
mail: { transport: pigeon }
restic:
  repository_root: /srv/restic
  password_file: secret
  maintenance: { prune: perhaps, forget_policy: --keep-lots 5 }
hosts: []
`;

describe('a configuration with ten mistakes', () => {
  it('of the client: all ten at once with file, line and column; nothing was touched', async () => {
    lab.write(lab.clientConfig, CLIENT_MISTAKES);
    const { stderr } = await expectCode(2, lab.client('backup'));
    expect(stderr).toContain(`ERROR: 10 mistakes in ${lab.clientConfig}:\n`);
    expect(complaintsIn(stderr, lab.clientConfig)).toEqual([
      '1:1 admin_email',
      '1:18 base_backup_dir',
      '2:14 backup_user',
      '4:1 admin_mail',
      '5:12 keep_days',
      '6:11 hostname',
      '7:13 gzip_level',
      '8:15 lock_retries',
      '9:19 lock_retry_delay',
      '10:12 log_level',
    ]);
    expect(stderr).toContain('admin_mail: unknown key. Did you mean `admin_email`?');
    expect(stderr).toContain('gzip_level: must be at most 9, but is the number 12');
    expectUntouched();
    await expectCode(2, lab.client('check'));
  });

  it('of the server: all ten at once with file, line and column; nothing was touched', async () => {
    lab.write(lab.serverConfig, SERVER_MISTAKES);
    const { stderr } = await expectCode(2, lab.server('backup'));
    expect(stderr).toContain(`ERROR: 10 mistakes in ${lab.serverConfig}:\n`);
    expect(complaintsIn(stderr, lab.serverConfig)).toEqual([
      '1:1 globl',
      '3:24 global.local_temp_base_dir',
      '5:19 global.parallel_hosts',
      '6:21 global.lock_retry_delay',
      '7:3 global.log_levle',
      '8:20 mail.transport',
      '11:18 restic.password_file',
      '12:25 restic.maintenance.prune',
      '12:49 restic.maintenance.forget_policy',
      '13:8 hosts',
    ]);
    expectUntouched();
    await expectCode(2, lab.server('check'));
  });
});

describe.each(['client', 'server'] as const)('a configuration file of the %s', (program) => {
  it('that others can read is refused, with the command that mends it', async () => {
    const file = configFile(program);
    lab.write(file, readFileSync(file, 'utf8'));
    chmodSync(file, 0o644);
    const { stderr } = await expectCode(2, lab[program]('backup'));
    expect(stderr).toContain(`ERROR: ${file} has mode 0644; 0600 or 0400 is needed. Run: chmod 600 ${file}\n`);
    chmodSync(file, 0o600);
    expectUntouched();
  });

  it('that is missing is named', async () => {
    const { stderr } = await expectCode(2, startProgram(program, ['-c', lab.at('none.yml'), 'backup']).ended);
    expect(stderr).toContain(`ERROR: ${lab.at('none.yml')} cannot be read: there is no such file.\n`);
  });

  it('that is no YAML gives line and column', async () => {
    const file = configFile(program);
    lab.write(file, `${readFileSync(file, 'utf8')}first: "never closed\nsecond: 1\n`);
    const { stderr } = await expectCode(2, lab[program]('backup'));
    expect(stderr).toMatch(new RegExp(`^ERROR: (\\d mistakes in .*:\\n)?${file}:\\d+:\\d+: not valid YAML: `, 'm'));
    expectUntouched();
  });

  it('that cannot be used is told to the admin', async () => {
    const file = configFile(program);
    lab.write(
      lab.at('common_config'),
      `DEFAULT_ADMIN_EMAIL="root@example.org"\nMSMTP_CMD="${lab.at('deliver')}"\nDEFAULT_KEEP_DAYS=7\n`,
    );
    lab.write(file, `${readFileSync(file, 'utf8')}surprise: true\n`);
    await lab.takeMails();
    await expectCode(2, lab[program]('backup'));
    const mails = await lab.takeMails();
    expect(mails).toEqual([
      {
        // The client finds the address in the file itself, as broken as it is.
        to: program === 'client' ? 'admin@example.org' : 'root@example.org',
        subject: expect.stringMatching(/Backup FAILED EARLY \(Code: 2\)$|Backup Run COMPLETED WITH ERRORS$/),
        text: expect.stringContaining('surprise: unknown key'),
      },
    ]);
    await expectCode(2, lab[program]('backup', '--dry-run'));
    expect(await lab.takeMails()).toEqual([]);
    rmSync(lab.at('common_config'));
    expectUntouched();
  });

  it.each([['--bogus'], ['backup', '--bogus'], ['bogus'], []])(
    'is not even read for a wrong command line: %s',
    async (...args) => {
      const { stderr } = await expectCode(2, lab[program](...args));
      expect(stderr).toMatch(/^ERROR: Invalid options provided\. Use -h for help\.$/m);
      expectUntouched();
    },
  );
});

describe('a wrong name on the command line', () => {
  it('an unknown HOST is refused with what there is', async () => {
    const { stderr } = await expectCode(2, lab.server('backup', 'lab1', 'lab2'));
    expect(stderr).toBe(
      'ERROR: There is no host `lab2` in the configuration. Did you mean `lab1`?\nConfigured hosts: lab1\n',
    );
    expectUntouched();
  });
});

describe('hosts that cannot be used', () => {
  it('not one can: nothing is begun, all mistakes are shown', async () => {
    lab.write(lab.serverConfig, readFileSync(lab.serverConfig, 'utf8').replace('ssh_user:', 'ssh_usr:'));
    const { stderr } = await expectCode(2, lab.server('backup'));
    expect(stderr).toContain('hosts: no host can be used:');
    expect(stderr).toContain('hosts[0].ssh_user: is missing');
    expect(stderr).toContain('hosts[0].ssh_usr: unknown key. Did you mean `ssh_user`?');
    expectUntouched();
  });

  it('there are none: nothing is begun', async () => {
    lab.write(lab.serverConfig, readFileSync(lab.serverConfig, 'utf8').replace(/^hosts:.*/ms, 'hosts:\n'));
    const { stderr } = await expectCode(2, lab.server('backup'));
    expect(stderr).toMatch(/:\d+:1: hosts: must be a list, but is empty$/m);
    expectUntouched();
  });

  it('one of two: it failed, the other one is backed up', async () => {
    await lab.init();
    await lab.takeMails();
    await expectCode(0, lab.client('backup'));
    lab.write(lab.serverConfig, `${readFileSync(lab.serverConfig, 'utf8')}  - hostname: lab2\n    port: 70000\n`);
    const { stdout } = await expectCode(1, lab.server('backup'));
    expect(stdout).toContain('Failed Hosts (1):\n  lab2 (Failed)');
    expect(stdout).toContain('Successful Hosts (1):\n  lab1');
    expect(lab.records('server').at(-1)?.hosts).toMatchObject([
      { host: 'lab1', status: 'success' },
      { host: 'lab2', status: 'failed', steps: [{ name: 'configuration', code: 'config' }] },
    ]);
    const [ofHost, summary] = await lab.takeMails();
    expect(ofHost?.subject).toMatch(/Backup FAILED for host lab2 \(Code: 2\)$/);
    expect(ofHost?.text).toContain('ssh_user: is missing');
    expect(summary?.subject).toMatch(/COMPLETED WITH ERRORS$/);
    await expectCode(2, lab.server('restore', 'lab2', '--to', lab.at('lab2-restored')));
  });
});
