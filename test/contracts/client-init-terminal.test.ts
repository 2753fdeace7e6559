// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { useInitProgram } from '../helpers/init-program.ts';

const { lab, program } = useInitProgram();

/** At a terminal of its own; what is typed is there from the beginning. */
function atTerminal(typed: string, options: object = {}) {
  const { status, stdout } = spawnSync('script', ['-qec', commandLine(options), '/dev/null'], {
    input: typed,
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { status, stdout: stdout.replaceAll('\r', '') };
}

function commandLine(options: object): string {
  return [process.execPath, program(), lab().at(), `'${JSON.stringify(options)}'`].join(' ');
}

describe('at a terminal', () => {
  it('asks for each proposal, shows files, and writes what was chosen when all is answered', async () => {
    const { stdout } = atTerminal('e\nwhat?\nn\ny\n\nnobody@example.net\n');
    expect(stdout).toContain('1/3 system/system: every machine has it\n');
    expect(stdout).toContain('    service:\n      name: system\n');
    expect(stdout).toContain('  y: write it. n: leave it out.');
    expect(stdout).toContain('Who gets mail when a backup fails?');
    const written = lab().written();
    expect(Object.keys(written)).toEqual(['client_config.yml', 'files/home/service.yaml', 'system/etc/service.yaml']);
    expect(written['client_config.yml']).toContain('admin_email: nobody@example.net\n');
    expect(stdout).toMatch(/ok +files\/home +files +\/home/);
  });

  it('takes one answer for all that is left', async () => {
    lab().configure();
    atTerminal('n\na\n');
    expect((await lab().services()).services.map(({ name }) => name).sort()).toEqual(['etc', 'home']);
    lab().file('/srv/x');
    const { stdout } = atTerminal('q\n');
    expect(stdout).toContain('1/2 system/system');
    expect((await lab().services()).services).toHaveLength(2);
  });

  it('writes nothing when it is left half-way', () => {
    // Ctrl-D
    const { status, stdout } = atTerminal('y\n\x04');
    expect([status, lab().written()]).toEqual([2, {}]);
    expect(stdout).toContain('The terminal was closed: nothing was written.');
  });

  it('ends at Ctrl-C, and writes nothing', async () => {
    const child = spawn('script', ['-qec', commandLine({}), '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      // At the second question, and once.
      if (/2\/3[\s\S]*\[Y\/n\/e\/a\/q\] $/.test(shown)) child.stdin.write('\x03');
      else if (/1\/3[\s\S]*\[Y\/n\/e\/a\/q\] $/.test(shown)) child.stdin.write('y\n');
    });
    const [code] = await once(child, 'close', { signal: AbortSignal.timeout(60_000) }).finally(() => child.kill());
    expect([code, lab().written()]).toEqual([130, {}]);
  });
});

describe('the timer', () => {
  const systemd = (state: string) => {
    mkdirSync(lab().at('systemd'), { recursive: true });
    lab().program('systemctl', `echo "$*" >> '${lab().at('calls')}'; test "$1" = is-enabled && echo ${state}; exit 0`);
  };

  it('is offered at a terminal, and enabled where that was said', () => {
    lab().configure();
    systemd('disabled');
    expect(atTerminal('a\nn\n').stdout).toMatch(/ systemctl enable --now local-backup.timer +and every night\n/);
    expect(readFileSync(lab().at('calls'), 'utf8')).not.toContain('enable --now');
    expect(atTerminal('y\n').stdout).toContain('Enabled: local-backup.timer');
    expect(readFileSync(lab().at('calls'), 'utf8')).toContain('enable --now local-backup.timer\n');
  });

  it('is enabled by --enable-timer', async () => {
    lab().configure();
    systemd('disabled');
    const { printed } = await lab().init({ yes: true, enableTimer: true });
    expect(readFileSync(lab().at('calls'), 'utf8')).toContain('enable --now local-backup.timer\n');
    expect(printed).toContain('Enabled: local-backup.timer\n');
    expect(printed).not.toContain('and every night');
  });

  it('is not enabled where there is no systemd, which is said', async () => {
    lab().configure();
    const { printed } = await lab().init({ yes: true, enableTimer: true });
    expect(printed).toContain('The backup does not run every night: systemd does not run.');
  });
});

describe('client_config.yml', () => {
  it('is written where there is none, and says who is told', async () => {
    lab().file('/etc/hosts');
    const refused = await lab().init({ yes: true });
    expect(refused.error).toMatchObject({ code: 'usage', message: expect.stringContaining('--admin-email ADDRESS') });
    expect((await lab().init({ yes: true, adminEmail: '-oQ/tmp x' })).error?.code).toBe('usage');
    expect(lab().written()).toEqual({});
    await lab().init({ yes: true, adminEmail: 'me+x@example.net' });
    const text = readFileSync(lab().configFile, 'utf8');
    expect(text).toContain('\nadmin_email: me+x@example.net\n');
    expect(text).toContain(`\nservice_dir: ${lab().at('backup')}\n`);
    expect(statSync(lab().configFile).mode & 0o7777).toBe(0o600);
    expect((await lab().init({ yes: true, adminEmail: 'other@example.net' })).printed).toContain('is not changed');
    expect(readFileSync(lab().configFile, 'utf8')).toBe(text);
  });
});

describe('the key of the server', () => {
  let key: string;

  beforeEach(() => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'backup server', '-f', lab().at('id')]);
    key = readFileSync(lab().at('id.pub'), 'utf8');
  });

  it('is added to the file of sshd once, behind what is there, and nothing else is done', async () => {
    mkdirSync(lab().at('ssh'));
    writeFileSync(lab().keys, `# mine\nrestrict ${key.trim().replace('AAAAC3', 'AAAAC4')}`);
    const options = { serverKey: key, serverAddress: ['192.0.2.10', '2001:db8::/32'] };
    const dry = await lab().init({ ...options, dryRun: true });
    expect(dry.printed).toContain('Would be added to');
    const before = readFileSync(lab().keys, 'utf8');
    const { printed, error } = await lab().init(options);
    expect(error).toBeUndefined();
    const line = `restrict,from="192.0.2.10,2001:db8::/32" ${key}`;
    expect(readFileSync(lab().keys, 'utf8')).toBe(`${before}\n${line}`);
    expect(statSync(lab().keys).mode & 0o7777).toBe(0o644);
    expect(printed).toContain(`Added to ${lab().keys}: ${line}`);
    expect(lab().written()).toEqual({});
    expect((await lab().init(options)).printed).toContain(`is in ${lab().keys} already`);
    expect((await lab().init({ serverKey: key })).printed).toContain('with other options, which are not changed');
    expect(readFileSync(lab().keys, 'utf8')).toBe(`${before}\n${line}`);
    // It is a file that sshd and ssh-keygen can read.
    expect(execFileSync('ssh-keygen', ['-l', '-f', lab().keys], { encoding: 'utf8' })).toContain('(ED25519)');
  });

  it('is accepted from anywhere without an address, with a word about it', async () => {
    const { printed } = await lab().init({ serverKey: key });
    expect(readFileSync(lab().keys, 'utf8')).toBe(`restrict ${key}`);
    expect(printed).toContain('better say --server-address');
  });

  it.each([
    ['enableTimer', { enableTimer: true }],
    ['adminEmail', { adminEmail: 'me@example.net' }],
    ['service', { service: ['etc'] }],
  ])('leaves %s undone only where that is said', async (_, more) => {
    const { error } = await lab().init({ serverKey: key, serverAddress: ['192.0.2.10'], ...more });
    expect([error?.code, error?.message]).toEqual(['usage', expect.stringContaining('unless --yes')]);
    expect(existsSync(lab().keys)).toBe(false);
  });

  it.each([
    ['two lines', (public_: string) => `${public_}${public_}`],
    ['options', (public_: string) => `command="id" ${public_}`],
    ['a key cut off', (public_: string) => public_.slice(0, 40)],
    ['no key', () => 'ssh-ed25519 AAAA'],
    ['a private key', () => readFileSync(lab().at('id'), 'utf8')],
    ['nothing', () => ''],
  ])('is refused: %s', async (_, make) => {
    const { error } = await lab().init({ serverKey: make(key) });
    expect(error?.code).toBe('usage');
    expect(error?.message).toMatch(/^--server-key/);
    expect(error?.message).not.toContain('b3BlbnNzaC1rZXk');
  });

  it.each(['example.org', '192.0.2.1" ssh-rsa', '192.0.2.0/33', '*', ''])('address %j is refused', async (address) => {
    expect((await lab().init({ serverKey: key, serverAddress: [address] })).error?.code).toBe('usage');
  });

  it('is not written through a link', async () => {
    mkdirSync(lab().at('ssh'));
    symlinkSync(lab().at('elsewhere'), lab().keys);
    expect((await lab().init({ serverKey: key })).error?.message).toContain('is no regular file');
  });
});
