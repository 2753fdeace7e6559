// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/* The command line of the built backup-server, as far as it goes without hosts. */

const NOBODY = 65_534;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'server-cli-'));
  chmodSync(directory, 0o755);
  execFileSync(process.execPath, ['scripts/build.mjs', '--outdir', directory]);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function server(args: readonly string[], uid = 0) {
  const program = join(directory, 'backup-server.cjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    uid,
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, stdout, stderr };
}

function configFile(text: string, mode = 0o600): string {
  const file = join(mkdtempSync(join(directory, 'config-')), 'server_config.yml');
  writeFileSync(file, text, { mode });
  return file;
}

/** A configuration of hosts that nobody can reach: port 1 of this machine. */
function unreachableHost(names: readonly string[] = ['web1']): { readonly file: string; readonly work: string } {
  const work = mkdtempSync(join(directory, 'work-'));
  const file = configFile(`
global: { local_temp_base_dir: ${work}, state_dir: ${work}/state, lock_dir: ${work}, admin_email: admin@example.org, hostname: backup1 }
mail: { transport: sendmail, command: ${work}/no-such-program }
restic: { repository_root: ${work}/repositories, password_file: ${work}/password }
hosts:
${names.map((name) => `  - { hostname: ${name}, address: 127.0.0.1, port: 1, ssh_user: backup, ssh_key_file: ${work}/key, remote_tar_dir: /x }`).join('\n')}
`);
  return { file, work };
}

test.each([['-h'], ['--help'], ['-V'], ['--version'], ['backup', '-h'], ['config', 'sample']])(
  '%j needs neither root nor a configuration',
  (...args) => {
    expect(server(args, NOBODY)).toMatchObject({ status: 0, stderr: '' });
  },
);

test('-V names program and version, -h gives examples and exit codes', () => {
  expect(server(['-V']).stdout).toMatch(/^backup-server Version \d+\.\d+\.\d+\n$/);
  expect(server(['-h']).stdout).toMatch(/Examples:[\s\S]*backup-server restore[\s\S]*Exit codes: 0 success/);
});

test.each([['--bogus'], ['backup', '--bogus'], ['nonsense'], ['restore', 'web1'], []])(
  '%j is a usage error',
  (...args) => {
    const { status, stdout, stderr } = server(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('ERROR: Invalid options provided. Use -h for help.\n');
  },
);

test('whoever is not root is told so', () => {
  const { status, stderr } = server(['check'], NOBODY);
  expect(status).toBe(2);
  expect(stderr).toContain('must be run as root');
});

test('a missing configuration is named', () => {
  const { status, stderr } = server(['-c', '/nowhere/server_config.yml', 'check']);
  expect(status).toBe(2);
  expect(stderr).toContain('/nowhere/server_config.yml');
});

test.each([
  ['a missing configuration', ['-c', '/nowhere/server_config.yml', 'status'], undefined],
  ['an option that there is none of', ['status', '--bogus'], undefined],
  ['an account that may not look', ['status'], NOBODY],
])('`status`, a check plugin, calls %s unknown: 3', (_, args, uid) => {
  const { status, stdout, stderr } = server(args, uid);
  expect(status).toBe(3);
  expect(stdout).toMatch(/^UNKNOWN: (?!internal error).+\n$/);
  expect(stderr).toContain('ERROR: ');
});

test('the help of `status` is help alone', () => {
  const { status, stdout } = server(['status', '--help'], NOBODY);
  expect(status).toBe(0);
  expect(stdout).not.toContain('UNKNOWN: internal');
});

test('with --json even a usage error is one line of JSON', () => {
  const { status, stderr } = server(['--json', 'backup', '--bogus']);
  expect(status).toBe(2);
  expect(
    stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
  ).toEqual([expect.stringMatching(/unknown option '--bogus'.*Use -h for help/)]);
});

test('a nightly run that cannot read its configuration tells the admin of common_config by mail, a dry run does not', () => {
  const file = configFile('hosts: nonsense\n');
  const taken = join(dirname(file), 'mail');
  const program = join(dirname(file), 'take-mail');
  writeFileSync(program, `#!/bin/sh\necho "$@" > ${taken}; cat >> ${taken}\n`, { mode: 0o755 });
  const common = `DEFAULT_ADMIN_EMAIL="admin@example.com"\nMSMTP_CMD="${program}"\n`;
  writeFileSync(join(dirname(file), 'common_config'), common, { mode: 0o600 });
  expect(server(['-c', file, 'backup', '--dry-run']).status).toBe(2);
  expect(existsSync(taken)).toBe(false);
  expect(server(['-c', file, 'backup']).status).toBe(2);
  const mail = readFileSync(taken, 'utf8');
  expect(mail).toMatch(/admin@example\.com\n[\s\S]*COMPLETED WITH ERRORS[\s\S]*no host was backed up/);
});

test('an unknown host is a usage error that lists what there is', () => {
  const { file } = unreachableHost();
  for (const command of ['backup', 'check', 'init', 'snapshots']) {
    const { status, stderr } = server(['-c', file, command, 'web2']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/no host `web2`.*Did you mean `web1`\?\nConfigured hosts: web1/);
  }
});

test('a host that never had a run is not in order', () => {
  const { file } = unreachableHost();
  const { status, stdout } = server(['-c', file, 'status', '--json']);
  expect(status).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'critical',
    summary: 'CRITICAL: 1 of 1 host: web1 never backed up',
    green: false,
    hosts: [{ host: 'web1', status: 'failed', stale: true, state: 'critical' }],
  });
});

test('a failed run exits 1, leaves a record and its log, and a mail that cannot be sent does not hide the result', () => {
  const { file, work } = unreachableHost();
  const { status, stdout, stderr } = server(['-c', file, 'backup', '--json', '--save-mail', join(work, 'mail')]);
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', hosts: [{ host: 'web1', status: 'failed' }] });
  expect(stderr).toContain('cannot deliver mail');
  expect(readdirSync(join(work, 'state/runs'))).toHaveLength(1);
  expect(readdirSync(join(work, 'state/logs'))).toHaveLength(1);
  // One about the host, one about the run.
  expect(readdirSync(join(work, 'mail'))).toHaveLength(2);
});

test('a run that cannot begin is told to the admin by mail, a dry run is not', () => {
  const { file, work } = unreachableHost();
  const mails = join(directory, 'mails-of-broken-run');
  writeFileSync(file, readFileSync(file, 'utf8').replace(`local_temp_base_dir: ${work}`, '$&/missing'));
  expect(server(['-c', file, 'backup', '--dry-run', '--save-mail', mails]).status).toBe(2);
  expect(existsSync(mails)).toBe(false);
  expect(server(['-c', file, 'backup', '--save-mail', mails]).status).toBe(2);
  const [name = '', ...others] = readdirSync(mails);
  expect(others).toEqual([]);
  const mail = readFileSync(join(mails, name), 'utf8');
  expect(mail).toMatch(/^To: .*admin@example\.org/m);
  expect(mail).toMatch(/COMPLETED WITH ERRORS[\s\S]*missing does not exist/);
});

test('the snapshots of a host whose configuration is wrong are an error', () => {
  const { file } = unreachableHost();
  writeFileSync(file, `${readFileSync(file, 'utf8')}  - { hostname: bad, port: 0 }\n`);
  const { status, stderr } = server(['-c', file, 'snapshots', 'bad']);
  expect(status).toBe(1);
  expect(stderr).toContain('hosts[1].port');
});

test.each(['state/live/web1', 'repositories/web1/data', 'web1'])(
  'nothing is restored into %s, where runs work',
  (to) => {
    const { file, work } = unreachableHost();
    const { status, stderr } = server(['-c', file, 'restore', 'web1', '--to', join(work, to)]);
    expect(status).toBe(2);
    expect(stderr).toContain('which runs work in');
    expect(existsSync(join(work, to))).toBe(false);
  },
);

test('a dry run leaves no record, no log and no mail', () => {
  const { file, work } = unreachableHost();
  const { status, stdout } = server(['-c', file, 'backup', '--dry-run']);
  expect(status).toBe(1);
  expect(stdout).toContain('Dry run: nothing was fetched');
  expect(readdirSync(work).filter((name) => name !== 'backup-server.lock')).toEqual([]);
});

test('a fingerprint is for one host', () => {
  const { file } = unreachableHost(['web1', 'web2']);
  const all = server(['-c', file, 'init', '--accept-host-key', 'SHA256:x']);
  expect(all.status).toBe(2);
  expect(all.stderr).toContain('name exactly one HOST');
  const one = server(['-c', file, 'init', 'web1', '--accept-host-key', 'SHA256:x']);
  expect(one.status).toBe(1);
  expect(one.stdout).toContain('FAILED: ');
});

test('nothing is restored into a pseudo file system', () => {
  const { file } = unreachableHost();
  const { status, stderr } = server(['-c', file, 'restore', 'web1', '--to', '/proc/restored']);
  expect(status).toBe(2);
  expect(stderr).toContain('Cannot restore into /proc/restored: that is no place for files.');
});
