// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleOf, createSystemLab, expectCode, type SystemLab, startProgram } from '../helpers/system-lab.ts';

/** The account `nobody` of every Debian. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const ORIGINALS = resolve('test/fixtures/original-config');

let lab: SystemLab;
/** Bundles in a place that everybody can read. */
let shared: string;

beforeAll(async () => {
  lab = await createSystemLab();
  shared = mkdtempSync(join(tmpdir(), 'bundles-'));
  chmodSync(shared, 0o755);
  for (const program of ['client', 'server'] as const) {
    copyFileSync(bundleOf(program), join(shared, program));
    chmodSync(join(shared, program), 0o755);
  }
});

afterAll(async () => {
  rmSync(shared, { recursive: true });
  await lab.remove();
});

const asNobody = (program: 'client' | 'server', ...args: string[]) =>
  startProgram(program, args, { ...NOBODY, cwd: '/', env: { PATH: process.env.PATH }, bundle: join(shared, program) })
    .ended;

/** The text with every first match of a pattern replaced. @throws Error where a pattern does not match */
function edited(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((result, [pattern, value]) => {
    if (!pattern.test(result)) throw new Error(`${pattern} is not in:\n${result}`);
    return result.replace(pattern, value);
  }, text);
}

describe.each(['client', 'server'] as const)('backup-%s', (program) => {
  it.each(['-h', '--help', '-V', '--version'])('%s needs neither root nor configuration nor lock', async (option) => {
    const { stdout, stderr } = await expectCode(0, asNobody(program, '-c', '/none.yml', option));
    expect(stderr).toBe('');
    if (option.toLowerCase().endsWith('h') || option === '--help') {
      expect(stdout).toContain(`backup-${program} check`);
      expect(stdout).toContain('Exit codes');
    } else expect(stdout).toMatch(new RegExp(`^backup-${program} Version \\d+\\.\\d+\\.\\d+\\n$`));
  });

  it('does nothing for anybody but root, and says so', async () => {
    for (const command of ['backup', 'check']) {
      const { stderr } = await expectCode(2, asNobody(program, '-c', lab.at(`${program}_config.yml`), command));
      expect(stderr).toBe(
        `ERROR: backup-${program} must be run as root: it reads and writes files of all users. Try: sudo backup-${program}\n`,
      );
    }
    expect(existsSync(lab.at(`${program}-state`))).toBe(false);
  });
});

describe('from the samples to a configuration that `check` is content with', () => {
  it('on the client: name the directories, done', async () => {
    const { stdout: sample } = await expectCode(0, lab.client('config', 'sample'));
    const { stdout: service } = await expectCode(0, lab.client('config', 'sample', 'service.yaml'));
    lab.write(
      lab.at('client', 'client_config.yml'),
      edited(sample, [
        [/^base_backup_dir: .*/m, `base_backup_dir: ${lab.spool}`],
        [/^backup_user: .*/m, 'backup_user: root'],
        [/^backup_group: .*/m, 'backup_group: root'],
        [/^#service_dir: .*/m, `service_dir: ${lab.at('client')}`],
        [/^#state_dir: .*/m, `state_dir: ${lab.at('client-state')}`],
        [/^#hostname: .*/m, 'hostname: lab1'],
      ]),
    );
    lab.write(lab.at('client/web/shop/service.yaml'), edited(service, [[/paths: .*/, `paths: [${lab.at('client')}]`]]));
    const config = lab.at('client', 'client_config.yml');
    const { stdout } = await expectCode(0, startProgram('client', ['-c', config, 'check']).ended);
    expect(stdout).toMatch(/^ok +web\/\S+ +files( |$)/m);
  });

  it('on the server: name the directories and a host, `init`, done', async () => {
    const { stdout: sample } = await expectCode(0, lab.server('config', 'sample'));
    lab.write(
      lab.serverConfig,
      edited(sample, [
        [/local_temp_base_dir: .*/, `local_temp_base_dir: ${lab.at('temp')}`],
        [/#state_dir: .*/, `state_dir: ${lab.at('server-state')}`],
        [/^#mail:$/m, 'mail:'],
        [/^# {2}command: .*/m, `  command: ${lab.at('deliver')}`],
        [/repository_root: .*/, `repository_root: ${lab.at('repositories')}`],
        [/password_file: \/etc\/backup\/restic.pass/, `password_file: ${lab.at('password')}`],
        [/hostname: web1.example.org/, 'hostname: lab1'],
        [/#address: .*/, 'address: 127.0.0.1'],
        [/#port: 22/, `port: ${lab.sshd.port}`],
        [/ssh_user: .*/, `ssh_user: ${lab.sshd.user}`],
        [/ssh_key_file: .*/, `ssh_key_file: ${lab.sshd.clientKey}`],
        [/#known_hosts_file: .*/, `known_hosts_file: ${lab.at('known_hosts')}`],
        [/remote_tar_dir: .*/, `remote_tar_dir: ${lab.spool}`],
      ]),
    );
    await expectCode(1, lab.server('check'));
    const advice = (await lab.init()).stdout;
    expect(advice).toContain(`Match User ${lab.sshd.user}\n`);
    // Pasted as it is, it would take the shell from every login of root.
    expect(advice.includes('CAREFUL: ssh_user is root')).toBe(lab.sshd.user === 'root');
    const { stdout } = await expectCode(0, lab.server('check'));
    expect(stdout).toMatch(/^ok +lab1: login and spool: /m);
    expect(stdout).toMatch(/0 failed, \d with warnings\.$/m);
  });
});

describe('the files of the original shell version are taken as they are', () => {
  const at = (...names: string[]) => lab.at('original', ...names);
  const start = (program: 'client' | 'server', ...args: string[]) =>
    startProgram(program, ['-c', at(`${program}_config.yml`), ...args]).ended;

  beforeAll(() => {
    cpSync(ORIGINALS, at(), { recursive: true });
    for (const name of ['common_config', 'client_config.yml', 'server_config.yml']) chmodSync(at(name), 0o600);
    for (const name of ['docker/recipes/service.yaml', 'other/pihole/service.yml']) chmodSync(at(name), 0o600);
  });

  it('by the client', async () => {
    const { stdout } = await expectCode(0, start('client', 'config', 'show'));
    expect(stdout).toContain('hostname: my-client.example.com\n');
    expect(stdout).toContain('keep_days: 14\nmin_free: 1000 MiB\n');
    expect(stdout).toContain('docker: [/usr/bin/docker, compose]\n');
  });

  it('by the server', async () => {
    const { stdout } = await expectCode(0, start('server', 'config', 'show'));
    expect(stdout).toContain('hostname: vault.example.org\n');
    expect(stdout).toContain('client-b.example.org');
  });

  it('`check` of the client finds only what is missing on this machine, each thing with its next step', async () => {
    const account = await expectCode(2, start('client', 'check'));
    expect(account.stderr).toContain('no user `backup-ld`; create it with: adduser');
    expect(account.stderr).toContain('no group `backup-ld`; create it with: addgroup');
    const config = readFileSync(at('client_config.yml'), 'utf8').replaceAll('backup-ld', 'root');
    lab.write(at('client_config.yml'), `${config}\nservice_dir: ${at()}\nstate_dir: ${at('state')}\n`);
    const { stdout } = await expectCode(2, start('client', 'check'));
    expect(stdout).not.toContain('internal error');
    expect(stdout).toMatch(
      /^FAILED +docker\/recipes +docker +project \/opt\/recipes\/docker-compose.yml.*\n(.*\n)*? +\/opt\/recipes\/docker-compose.yml does not exist\. Correct/m,
    );
    expect(stdout).toMatch(/^FAILED +postgresql +database recipes, plain SQL\n.*: postgresql: database "recipes": /m);
    expect(stdout).toMatch(
      /^FAILED +files +.*\n.*None of the paths exists: \/opt\/recipes\/mediafiles, .*Correct `paths`/m,
    );
    expect(stdout).not.toContain('mistake');
    expect(stdout).toMatch(/^FAILED +other\/pihole .*\n.*None of the paths exists: \/etc\/pihole, /m);
  });

  it('`check` of the client is content with what is there', async () => {
    for (const [name, paths] of [
      ['docker/recipes/service.yaml', /\/opt\/recipes/g],
      ['other/pihole/service.yml', /\/etc(?=\/)/g],
    ] as const) {
      lab.write(at(name), readFileSync(at(name), 'utf8').replace(paths, lab.at('machine')));
    }
    for (const name of ['mediafiles', 'pihole', 'dnsmasq.d']) mkdirSync(lab.at('machine', name), { recursive: true });
    lab.write(lab.at('machine/config.ini'), '');
    lab.write(lab.at('machine/docker-compose.yml'), 'services: {web: {image: recipes}}\n');
    // Docker and the database of the other one are not on this machine.
    const { stdout } = await expectCode(2, start('client', 'check'));
    expect(stdout).toMatch(/^ok +other\/pihole +files( |$)/m);
    expect(stdout).toMatch(/^ok +files +\S+\/mediafiles, /m);
    expect(stdout).not.toContain('docker-compose.yml does not exist');
  });
});
