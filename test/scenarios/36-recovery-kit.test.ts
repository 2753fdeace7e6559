// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bundleOf, createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

const PASSPHRASE = 'a passphrase that is on paper';
const CONTENT = 'what must not be lost\n';

let lab: SystemLab;
const kit = () => lab.at('kits', 'kit.age');
const readme = () => readFileSync(lab.at('opened', 'README.txt'), 'utf8');
const dataIn = (directory: string) => join(directory, 'web/app/data', lab.at('data'), 'one.txt');

beforeAll(async () => {
  lab = await createSystemLab();
  mkdirSync(lab.at('kits'));
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data/one.txt'), CONTENT);
  lab.write(lab.at('paper'), `${PASSPHRASE}\n`);
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
  await lab.init();
  await expectCode(0, lab.client('backup'));
  await expectCode(0, lab.server('backup'));
});

afterAll(() => lab.remove());

const writeKit = (...more: string[]) =>
  lab.server('recovery-kit', '--to', kit(), '--passphrase-file', lab.at('paper'), ...more);
const verifyKit = () => lab.server('recovery-kit', 'verify', kit(), '--passphrase-file', lab.at('paper'));

describe('while all is well', () => {
  it('`check` misses the kit until there is one', async () => {
    const before = await expectCode(0, lab.server('check', '--send-test-mail'));
    expect((await lab.takeMails()).at(-1)?.subject).toMatch(/^\[Backup Server\] .* - Test$/);
    expect(before.stdout).toMatch(/^warning server: recovery kit: there has never been one/m);
    const { stdout } = await expectCode(0, writeKit());
    expect(stdout).toContain('Whoever opens it can read every backup of every host.');
    expect(stdout).not.toContain('MISSING');
    const after = await expectCode(0, lab.server('check'));
    expect(after.stdout).toMatch(/^ok {6}server: recovery kit: the one of .*\s+holds the configuration as it is now/m);
  });

  it('it is for root only, and nothing of it can be read without the passphrase', async () => {
    expect(statSync(kit()).mode & 0o777).toBe(0o600);
    expect(readdirSync(lab.at('kits'))).toEqual(['kit.age']);
    const bytes = readFileSync(kit()).toString('latin1');
    expect(bytes).toMatch(/^age-encryption\.org\/v1\n-> scrypt /);
    expect(bytes).not.toMatch(/lab1|correct horse|PRIVATE KEY/);
    const { stdout } = await expectCode(0, verifyKit());
    expect(stdout).toContain('It holds everything as it is now.');
    lab.write(lab.at('wrong'), 'another passphrase\n');
    const { stderr } = await expectCode(
      1,
      lab.server('recovery-kit', 'verify', kit(), '--passphrase-file', lab.at('wrong')),
    );
    expect(stderr).toMatch(/kit\.age cannot be opened: .* Is it the right passphrase/);
  });

  it('it is not replaced by accident, nor guarded by next to nothing', async () => {
    const before = readFileSync(kit());
    const { stderr } = await expectCode(2, writeKit());
    expect(stderr).toContain('it is there already. Give another name, or --force.');
    lab.write(lab.at('short'), 'secret\n');
    await expectCode(2, lab.server('recovery-kit', '--to', lab.at('other'), '--passphrase-file', lab.at('short')));
    await expectCode(2, lab.server('recovery-kit', '--to', lab.at('other')));
    await expectCode(2, lab.server('recovery-kit', '--to', lab.at('server-state/kit'), '--generate'));
    await expectCode(2, lab.server('recovery-kit', '--to', lab.at('other'), '--recipient', 'age1nobody'));
    expect(existsSync(lab.at('other'))).toBe(false);
    expect(readFileSync(kit()).equals(before)).toBe(true);
  });

  it('somebody at a terminal is asked twice, and what is typed is not shown', async () => {
    const typed = (...lines: string[]) => {
      const words = ['-c', lab.serverConfig, 'recovery-kit', '--to', lab.at('kits/typed.age')];
      const command = [process.execPath, bundleOf('server'), ...words].join(' ');
      const options = { input: `${lines.join('\n')}\n`, encoding: 'utf8' } as const;
      return spawnSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], options);
    };
    const differing = typed(PASSPHRASE, 'something else');
    expect(differing).toMatchObject({ status: 2, stdout: expect.stringContaining('are not the same') });
    expect(existsSync(lab.at('kits/typed.age'))).toBe(false);
    const { status, stdout } = typed(PASSPHRASE, PASSPHRASE);
    expect(stdout).toContain('Passphrase of the kit: ');
    expect(stdout).toContain('Recovery kit written');
    expect(status).toBe(0);
    const verify = ['recovery-kit', 'verify', lab.at('kits/typed.age'), '--passphrase-file', lab.at('paper')];
    await expectCode(0, lab.server(...verify));
  });

  it('for a key of age, and with a password that a command prints: it is tried before it is believed', async () => {
    const config = readFileSync(lab.serverConfig, 'utf8');
    const withCommand = (command: string) => {
      const environment = `environment_file: ${lab.at('restic.env')}`;
      lab.write(
        lab.serverConfig,
        config.replace(/password_file: .*/, `password_command: ${command}\n  ${environment}`),
      );
    };
    onTestFinished(() => lab.write(lab.serverConfig, config));
    lab.write(lab.at('restic.env'), `GOOGLE_APPLICATION_CREDENTIALS=${lab.at('gcs.json')}\n`);
    lab.write(lab.at('gcs.json'), '{"key": "of a bucket"}');
    execFileSync('age-keygen', ['-o', lab.at('age-key')], { stdio: 'pipe' });
    const recipient = execFileSync('age-keygen', ['-y', lab.at('age-key')], { encoding: 'utf8' }).trim();
    const file = lab.at('kits/for-key.age');
    const write = () => lab.server('recovery-kit', '--to', file, '--force', '--recipient', recipient);
    withCommand(`sh -c 'cat "${lab.at('password')}"'`);
    await expectCode(0, write());
    await expectCode(0, lab.server('recovery-kit', 'verify', file, '--identity', lab.at('age-key')));
    const opened = execFileSync('age', ['-d', '-i', lab.at('age-key'), file]);
    const member = (name: string) => execFileSync('tar', ['-xzO', name], { input: opened, encoding: 'utf8' });
    expect(member('passwords/lab1')).toBe('correct horse battery staple\n');
    expect(member(`files${lab.at('gcs.json')}`)).toBe('{"key": "of a bucket"}');
    expect(member('README.txt')).toContain('The password came from a command');
    withCommand('echo something else');
    const { stdout } = await expectCode(1, write());
    expect(stdout).toMatch(/^MISSING: lab1: its repository could not be opened with the password in here/m);
    const verified = await expectCode(1, lab.server('recovery-kit', 'verify', file, '--identity', lab.at('age-key')));
    expect(verified.stdout).toMatch(/^MISSING in it: lab1: its repository could not be opened/m);
    expect(verified.stdout).not.toContain('It holds everything');
  });

  it('a passphrase that was made is shown even where nothing else can be written any more', async () => {
    const state = lab.at('server-state/recovery-kit.json');
    renameSync(state, `${state}.aside`);
    mkdirSync(state);
    const { stdout } = await expectCode(1, lab.server('recovery-kit', '--to', lab.at('kits/made.age'), '--generate'));
    rmdirSync(state);
    renameSync(`${state}.aside`, state);
    const [passphrase = ''] = /^ {4}\S+$/m.exec(stdout) ?? [];
    lab.write(lab.at('made'), `${passphrase.trim()}\n`);
    await expectCode(
      0,
      lab.server('recovery-kit', 'verify', lab.at('kits/made.age'), '--passphrase-file', lab.at('made')),
    );
  });

  it('a password that was changed makes it old: `check` and `verify` say which file', async () => {
    lab.write(lab.at('new-password'), 'staple battery horse\n');
    const rotated = await expectCode(0, lab.server('key', 'rotate', 'lab1', '--password-file', lab.at('new-password')));
    const [, remove = ''] = /(key remove lab1 [0-9a-f]{8})$/m.exec(rotated.stdout) ?? [];
    const config = readFileSync(lab.serverConfig, 'utf8');
    lab.write(
      lab.serverConfig,
      config.replace('hosts:', `hosts: # new password\n`).replace(lab.at('password'), lab.at('new-password')),
    );
    const check = await expectCode(0, lab.server('check'));
    const warning = /^warning server: recovery kit: [\s\S]*?--to FILE$/m.exec(check.stdout)?.[0] ?? '';
    expect(warning.replace(/\s+/g, ' ')).toContain(
      `is older than the configuration: changed: ${lab.serverConfig}, new: `,
    );
    const { stdout } = await expectCode(1, verifyKit());
    expect(stdout).toContain('changed: passwords/lab1');
    await expectCode(0, lab.server(...remove.split(' ')));
    await expectCode(0, writeKit('--force'));
    await expectCode(0, verifyKit());
  });
});

/** The commands of a section of the README, as somebody pastes them, with the two places of this test. */
function commandsOf(section: string): string {
  const [, text = ''] = new RegExp(`^${section}.*\\n([\\s\\S]*?)(?=^\\d\\. |$(?![\\s\\S]))`, 'm').exec(readme()) ?? [];
  const commands = text.split('\n').filter((line) => line.startsWith('    '));
  if (commands.length === 0) throw new Error(`no commands in section ${section} of:\n${readme()}`);
  return commands.join('\n');
}

/** Runs commands as root's shell on another machine would. */
function paste(commands: string): string {
  const places = commandsOf('1\\.')
    .replace('/root/recovery-kit', lab.at('opened'))
    .replace('/var/tmp/restored', lab.at('restored'));
  return execFileSync('sh', ['-e', '-u'], {
    input: `${places}\n${commands}\n`,
    encoding: 'utf8',
    env: { PATH: `${lab.at('bin')}:${process.env.PATH}`, HOME: lab.at('opened') },
  });
}

describe('after the server has burnt down', () => {
  const LOST = ['server_config.yml', 'password', 'new-password', 'server-state', 'known_hosts', 'temp'];

  beforeAll(() => {
    mkdirSync(lab.at('burnt'));
    for (const name of LOST) renameSync(lab.at(name), lab.at('burnt', name));
    renameSync(lab.sshd.clientKey, lab.at('burnt/key'));
    // The program age asks on the terminal, so it gets one.
    const open = `age -d -o ${lab.at('kit.tar.gz')} ${kit()}`;
    execFileSync('script', ['--quiet', '--return', '--command', open, '/dev/null'], { input: `${PASSPHRASE}\n` });
    mkdirSync(lab.at('opened'), { mode: 0o700 });
    execFileSync('tar', ['-xzf', lab.at('kit.tar.gz'), '-C', lab.at('opened')]);
    // backup-server has been installed again.
    const program = `#!/bin/sh\nexec '${process.execPath}' '${bundleOf('server')}' "$@"\n`;
    lab.write(lab.at('bin/backup-server'), program, 0o700);
  });

  it('age, tar and restic alone give the data back, by the commands of the README', () => {
    paste(commandsOf('2\\.'));
    expect(readFileSync(dataIn(lab.at('restored/lab1')), 'utf8')).toBe(CONTENT);
    for (const name of LOST) expect(existsSync(lab.at(name))).toBe(false);
  });

  it('backup-server is put back as it was, finds everything in order, restores and backs up', async () => {
    const shown = paste(commandsOf('3\\.'));
    expect(shown).toMatch(/^ok {6}lab1: repository: usable/m);
    expect(shown).toMatch(/^ok {6}lab1: login and spool: /m);
    expect(readFileSync(dataIn(lab.at('restored/lab1-by-server')), 'utf8')).toBe(CONTENT);
    for (const name of ['server_config.yml', 'new-password']) {
      expect(readFileSync(lab.at(name))).toEqual(readFileSync(lab.at('burnt', name)));
      expect(statSync(lab.at(name)).mode & 0o777).toBe(0o600);
    }
    await expectCode(0, lab.server('backup', '--dry-run'));
  });

  it('everything in the kit is readable for root only, and the README names what is in it', () => {
    expect(statSync(lab.at('opened/passwords/lab1')).mode & 0o777).toBe(0o600);
    expect(readme()).toContain(`- ${lab.at('server_config.yml')}\n`);
    expect(readme()).toContain(`- ${lab.sshd.clientKey}\n`);
    expect(readme()).not.toContain('staple battery horse');
    // As large as the host, and of no use: the next run makes a new one.
    expect(existsSync(lab.at('burnt/server-state/baselines/lab1.entries.gz'))).toBe(true);
    expect(readme()).not.toContain('lab1.entries.gz');
    expect(
      readme()
        .split('\n')
        .filter((line) => line.length > 120 && !line.includes('/')),
    ).toEqual([]);
  });
});
