// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addHost } from '../helpers/faults.ts';
import { readTree } from '../helpers/file-tree.ts';
import {
  bundleOf,
  createSystemLab,
  type Ended,
  expectCode,
  type SystemLab,
  startProgram,
  until,
} from '../helpers/system-lab.ts';

/** Of every Debian: an account that can do nothing but SFTP. */
const ACCOUNT = 'backup';

let lab: SystemLab;
let spool: string;

const restoreDirectory = () => join(spool, 'restore');
const sentFiles = () => fs.readdirSync(restoreDirectory()).sort();
const data = () =>
  JSON.stringify(readTree(lab.at('data')), (_, value) => (typeof value === 'bigint' ? `${value}n` : value));

/** The client of the other host: its own configuration, spool and state; no services at all. */
function other(...args: string[]): Promise<Ended> {
  return startProgram('client', ['-c', lab.at('other.yml'), ...args]).ended;
}

beforeAll(async () => {
  lab = await createSystemLab({ sshd: { user: ACCOUNT } });
  fs.chmodSync(lab.root, 0o755);
  const config = fs
    .readFileSync(lab.clientConfig, 'utf8')
    .replaceAll(/(backup_user|backup_group): root/g, `$1: ${ACCOUNT}`);
  lab.write(lab.clientConfig, config);
  spool = addHost(lab, 'lab2');
  execFileSync('chown', ['-R', `${ACCOUNT}:${ACCOUNT}`, spool]);
  fs.mkdirSync(lab.at('other-services'));
  const otherConfig = config
    .replaceAll('hostname: lab1', 'hostname: lab2')
    .replaceAll(`${lab.root}/spool`, spool)
    .replaceAll('/services', '/other-services')
    .replaceAll('client-state', 'other-state');
  lab.write(lab.at('other.yml'), otherConfig);
  fs.mkdirSync(lab.at('data/sub'), { recursive: true });
  fs.writeFileSync(lab.at('data/one.txt'), 'one\n');
  fs.writeFileSync(lab.at('data/sub/of-nobody'), 'two\n');
  fs.symlinkSync('/etc/passwd', lab.at('data/link'));
  fs.linkSync(lab.at('data/one.txt'), lab.at('data/second'));
  execFileSync('chown', ['65534:65534', lab.at('data/sub/of-nobody')]);
  execFileSync('setfacl', ['-m', 'u:1234:r', lab.at('data/one.txt')]);
  execFileSync('setfattr', ['-n', 'user.colour', '-v', 'blue', lab.at('data/sub/of-nobody')]);
  lab.addService('web/shop', `service: {name: shop}\nfiles: {paths: [${lab.at('data')}]}\n`);
  lab.addService('web/rest', `service: {name: rest}\nfiles: {paths: [${lab.at('password')}]}\n`);
  await lab.init();
  await expectCode(0, lab.client('backup'));
  await expectCode(0, lab.server('backup', 'lab1'));
});

afterAll(() => lab.remove());

describe('a service of one host on another one', () => {
  it('is sent by the server over SFTP, as one file that only the account can read', async () => {
    const { stdout } = await expectCode(0, lab.server('restore', 'lab1', '--service', 'shop', '--to-host', 'lab2'));
    expect(stdout).toMatch(/^Verified: .*: no differences\.$/m);
    expect(stdout).toMatch(/^Next, on lab2: backup-client restore web\/shop --in-place/m);
    expect(sentFiles()).toEqual([
      expect.stringMatching(/^lab1-\d{8}_\d{6}-web\+shop\.tar$/),
      expect.stringMatching(/^lab1-\d{8}_\d{6}-web\+shop\.tar\.json$/),
    ]);
    const facts = fs.statSync(join(restoreDirectory(), sentFiles()[0] ?? ''));
    expect([facts.uid, facts.mode & 0o777]).toEqual([34, 0o600]);
    expect(fs.readdirSync(lab.at('temp')).filter((name) => name.startsWith('.to-host'))).toEqual([]);
  });

  it('is shown, asked for, and put in place there with owners, ACLs, attributes and links', async () => {
    const before = data();
    const attributes = () =>
      execFileSync('getfacl', ['-nR', '.'], { cwd: lab.at('data') }).toString() +
      execFileSync('getfattr', ['-Rd', '-m', 'user', '.'], { cwd: lab.at('data') }).toString();
    const attributesBefore = attributes();
    fs.rmSync(lab.at('data'), { recursive: true });
    const refused = await expectCode(2, other('restore', 'shop', '--in-place'));
    expect(refused.stderr).toContain('look at the plan with --dry-run, then say --yes');
    const plan = await expectCode(0, other('restore', 'shop', '--in-place', '--dry-run'));
    expect(plan.stdout).toContain('(the newest that the server has sent)');
    expect(plan.stdout).toContain('the service is not configured on this host');
    expect(plan.stdout).toMatch(/^80 verify what runs again; .*\n {3}files$/m);
    expect(fs.existsSync(lab.at('data'))).toBe(false);
    const { stdout } = await expectCode(0, other('restore', 'shop', '--in-place', '--yes'));
    expect(stdout).toContain('Restored web/shop.');
    expect(stdout).toMatch(/^files: verified: \/.*: \d+ of \d+ files and directories are there$/m);
    expect(data()).toBe(before);
    expect(attributes()).toBe(attributesBefore);
    expect(fs.readdirSync(spool).filter((name) => name.startsWith('backup.'))).toEqual([]);
  });

  it('asks on a terminal, and takes nothing but yes for it', async () => {
    fs.writeFileSync(lab.at('data/one.txt'), 'changed\n');
    const command = `${process.execPath} ${bundleOf('client')} -c ${lab.at('other.yml')} restore shop --in-place`;
    const answer = (input: string) => {
      return spawnSync('script', ['-qec', command, '/dev/null'], { input, encoding: 'utf8', timeout: 60_000 });
    };
    const declined = answer('n\n');
    expect(declined.stdout).toContain('Do this? [y/N]');
    expect(declined.stdout).toContain('Nothing was changed.');
    expect([declined.status, fs.readFileSync(lab.at('data/one.txt'), 'utf8')]).toEqual([2, 'changed\n']);
    const accepted = answer('y\n');
    expect([accepted.status, fs.readFileSync(lab.at('data/one.txt'), 'utf8')]).toEqual([0, 'one\n']);
  });

  it('killed half-way, is undone by recover', async () => {
    const step = lab.at('other-services/web/shop/restore.d/20kill');
    lab.write(step, '#!/bin/sh\nkill -9 $PPID\n', 0o700);
    fs.writeFileSync(lab.at('data/one.txt'), 'changed since\n');
    const killed = await other('restore', 'shop', '--in-place', '--yes');
    expect(killed.signal).toBe('SIGKILL');
    expect(fs.readFileSync(lab.at('data/one.txt'), 'utf8')).toBe('one\n');
    const { output } = await expectCode(0, other('recover'));
    expect(output).toContain('the unfinished restore of web/shop');
    expect(fs.readFileSync(lab.at('data/one.txt'), 'utf8')).toBe('changed since\n');
    fs.rmSync(step);
  });

  it('ended by Ctrl-C, puts back what was there before it ends', async () => {
    const step = lab.at('other-services/web/shop/restore.d/20wait');
    lab.write(step, `#!/bin/sh\ntouch ${lab.at('waiting')}\nsleep 60\n`, 0o700);
    fs.writeFileSync(lab.at('data/one.txt'), 'changed since\n');
    const words = ['-c', lab.at('other.yml'), 'restore', 'shop', '--in-place', '--yes'];
    const { child, ended } = startProgram('client', words);
    await until('the step begins', () => fs.existsSync(lab.at('waiting')));
    expect(fs.readFileSync(lab.at('data/one.txt'), 'utf8')).toBe('one\n');
    child.kill('SIGINT');
    await expectCode(130, ended);
    expect(fs.readFileSync(lab.at('data/one.txt'), 'utf8')).toBe('changed since\n');
    expect(fs.readdirSync(lab.at('other-state/undo'))).toEqual([]);
    fs.rmSync(step);
  });

  it('what is replaced is kept, and listed', async () => {
    fs.writeFileSync(lab.at('data/one.txt'), 'changed since\n');
    await expectCode(0, other('restore', 'web/shop', '--in-place', '--yes'));
    expect(fs.readFileSync(lab.at('data/one.txt'), 'utf8')).toBe('one\n');
    const { stdout } = await expectCode(0, other('restore', '--list-kept'));
    expect(stdout).toMatch(/other-state\/restores\/\d{8}_\d{6}-web-shop {2}files/);
  });

  it('is refused where one byte of the file is another one', async () => {
    const file = join(restoreDirectory(), sentFiles()[0] ?? '');
    const whole = fs.readFileSync(file);
    const at = whole.indexOf('two\n');
    fs.writeFileSync(file, Buffer.concat([whole.subarray(0, at), Buffer.from('tow\n'), whole.subarray(at + 4)]));
    const { stderr } = await expectCode(1, other('restore', 'shop', '--in-place', '--yes'));
    expect(stderr).toContain('it is not the file that its manifest tells of');
    fs.writeFileSync(file, whole);
  });
});

describe('the host itself', () => {
  it('takes its own archive from done/, into a directory or back in place', async () => {
    const before = data();
    const target = lab.at('taken');
    const { stdout } = await expectCode(0, lab.client('restore', 'shop', '--to', target));
    expect(stdout).toContain('(the newest archive that holds it; the server has sent none)');
    expect(fs.readdirSync(target)).toEqual(['web']);
    expect(fs.readFileSync(join(target, 'web/shop/data', lab.at('data'), 'one.txt'), 'utf8')).toBe('one\n');
    const again = await expectCode(2, lab.client('restore', 'shop', '--to', target));
    expect(again.stderr).toContain('it is not empty');
    fs.rmSync(lab.at('data/sub'), { recursive: true });
    await expectCode(0, lab.client('restore', 'shop', '--from', target, '--in-place', '--yes'));
    expect(data()).toBe(before);
    const run = lab.records('client').at(-1);
    expect([run?.command, run?.status]).toEqual(['restore', 'success']);
    expect(run?.steps[0]?.message).toContain('files: verified: ');
  });

  it('says what is wrong with what was asked', async () => {
    const cases: readonly (readonly [RegExp, ...string[]])[] = [
      [/Give one of: --in-place/, 'shop'],
      [/Give one of: --in-place/, 'shop', '--in-place', '--as', 'x'],
      [/No copy of shap is in .*; there are: web\/rest, web\/shop/, 'shap', '--in-place', '--yes'],
      [/There is no nothing\.tar/, 'shop', '--from', 'nothing.tar', '--in-place', '--yes'],
      [/holds no copy of shop/, 'shop', '--from', lab.at('mail'), '--in-place', '--yes'],
      [/has no task docker\. It has: files/, 'shop', '--only', 'docker', '--in-place', '--yes'],
    ];
    for (const [message, ...words] of cases) {
      expect((await expectCode(2, lab.client('restore', ...words))).stderr).toMatch(message);
    }
  });

  it('the server says so as well', async () => {
    const cases: readonly (readonly [RegExp, ...string[]])[] = [
      [/give either --to DIR or --to-host HOST/],
      [/give either --to DIR or --to-host HOST/, '--to', lab.at('x'), '--to-host', 'lab2'],
      [/Say which service/, '--to-host', 'lab2'],
      [/The configuration of lab9 is wrong|There is no host/, '--service', 'shop', '--to-host', 'lab9'],
      [/There are: web\/rest, web\/shop/, '--service', 'shap', '--to-host', 'lab2'],
      [/sends whole services/, '--service', 'shop', '--path', 'data', '--to-host', 'lab2'],
    ];
    for (const [message, ...words] of cases) {
      expect((await expectCode(2, lab.server('restore', 'lab1', ...words))).stderr).toMatch(message);
    }
  });
});

describe('a restore that fails', () => {
  const unpacked = () => fs.readdirSync(spool).filter((name) => name.startsWith('backup.backup-client.'));

  it('because what runs again is not well, puts the old state back before a step of 80 tells of it', async () => {
    const [state, service] = [lab.at('doubtful'), lab.at('other-services/app/doubtful')];
    const verify = `restore-verify) echo '{"check": {"name": "port 80", "status": "failed", "message": "is closed"}}' ;;`;
    const stages = `restore) echo restored > ${state} ;;\nrevert) echo old > ${state} ;;\n${verify}`;
    const plugin = `#!/bin/sh\ncase $1 in\nrun) echo data > file ;;\n${stages}\n*) exit 64 ;;\nesac\n`;
    lab.write(lab.at('plugins/doubtful'), plugin, 0o755);
    fs.appendFileSync(lab.at('other.yml'), `plugin_dir: ${lab.at('plugins')}\n`);
    lab.write(join(service, 'service.yaml'), 'service: {name: doubtful}\ndoubtful: {}\n');
    lab.write(join(service, 'restore.d/80advertise'), `#!/bin/sh\ntouch ${lab.at('advertised')}\n`, 0o700);
    await expectCode(0, other('backup'));
    const { stderr } = await expectCode(1, other('restore', 'doubtful', '--in-place', '--yes'));
    expect(stderr).toMatch(
      /at 80 verify: what runs again is not what was put back:\n.*doubtful: port 80: is closed\nAs it was before: doubtful\./,
    );
    expect([fs.readFileSync(state, 'utf8'), fs.existsSync(lab.at('advertised'))]).toEqual(['old\n', false]);
  });

  it('and cannot be undone keeps the copy, which undoing it may take, until that has been done', async () => {
    const [mended, reverted] = [lab.at('mended'), lab.at('reverted')];
    const stages = `restore) exit 1 ;;\nrevert) [ -e ${mended} ] && cp "$BACKUP_SAVED/file" ${reverted} ;;`;
    const plugin = `#!/bin/sh\ncase $1 in\nrun) echo data > file ;;\n${stages}\n*) exit 64 ;;\nesac\n`;
    lab.write(lab.at('plugins/fragile'), plugin, 0o755);
    lab.write(lab.at('other-services/app/fragile/service.yaml'), 'service: {name: fragile}\nfragile: {}\n');
    await expectCode(0, other('backup'));
    const failed = await expectCode(1, other('restore', 'fragile', '--in-place', '--yes'));
    expect(failed.stderr).toMatch(/NOT put back: fragile: revert: .*\n.*backup-client recover/);
    expect(failed.stderr).not.toContain('Nothing had been replaced');
    // The service is left alone meanwhile, and the copy stays.
    await expectCode(1, other('backup'));
    expect(unpacked()).toHaveLength(1);
    fs.writeFileSync(mended, '');
    await expectCode(0, other('recover'));
    expect(fs.readFileSync(reverted, 'utf8')).toBe('data\n');
    await expectCode(0, other('backup'));
    expect(unpacked()).toEqual([]);
  });
});
