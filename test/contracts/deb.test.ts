// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lintianOf } from '../helpers/lintian-of.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
let work: string;
const at = (...names: string[]) => join(work, ...names);

/** Takes 12 s where nothing else is at work. */
const BUILD_MS = 300_000;

/** Where nothing is cached, a file system of Debian 13 is made, and lintian installed in it. */
const LINTIAN_MS = 30 * 60_000;

/** As `npm run build:deb` does it. */
async function build(outdir: string): Promise<string[]> {
  const script = join(root, 'scripts/deb/main.ts');
  await run(process.execPath, [join(root, 'scripts/run-ts.mjs'), script, '--outdir', outdir], {
    cwd: root,
    maxBuffer: 1e8,
  });
  return readdirSync(outdir).filter((name) => name.endsWith('.deb'));
}

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'deb-'));
  const debs = await build(at('debs'));
  for (const deb of debs) execFileSync('dpkg-deb', ['--raw-extract', at('debs', deb), at(deb.split('_')[0] ?? '')]);
}, BUILD_MS);

afterAll(() => rmSync(work, { recursive: true, force: true }));

const text = (...names: string[]) => readFileSync(at(...names), 'utf8');

it('the same source gives the same three packages, bit for bit, wherever it is built', {
  timeout: BUILD_MS,
}, async () => {
  const sums = (directory: string, names: readonly string[]) =>
    names.map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(at(directory, name)))
          .digest('hex')}`,
    );
  const again = await build(at('somewhere-else'));
  expect(again).toEqual(
    ['backup-client', 'backup-common', 'backup-server'].map((name) => `${name}_${version}_all.deb`),
  );
  expect(sums('somewhere-else', again)).toEqual(sums('debs', readdirSync(at('debs'))));
});

it('lintian of Debian 12 and 13 finds nothing, and every override has its reason', { timeout: LINTIAN_MS }, () => {
  const debs = readdirSync(at('debs')).map((name) => at('debs', name));
  // It leaves directories behind.
  const env = { ...process.env, TMPDIR: work };
  const words = ['--fail-on', 'error,warning', ...debs];
  expect(execFileSync('lintian', words, { encoding: 'utf8', stdio: 'pipe', env })).toBe('');
  expect(lintianOf('trixie', at('debs'))).toBe('');
  for (const name of readdirSync(join(root, 'debian')).filter((file) => file.endsWith('.lintian-overrides'))) {
    const lines = readFileSync(join(root, 'debian', name), 'utf8')
      .trim()
      .split('\n');
    expect(lines[0], name).toMatch(/^# ./);
    expect(lines.length).toBeGreaterThan(1);
  }
});

it('configuration belongs to root alone, is kept on upgrades, and is what the programs read', () => {
  for (const [name, file] of [
    ['backup-common', 'common_config'],
    ['backup-client', 'client_config.yml'],
    ['backup-server', 'server_config.yml'],
  ] as const) {
    const listed = execFileSync('dpkg-deb', ['-c', at('debs', `${name}_${version}_all.deb`)], { encoding: 'utf8' });
    expect(listed).toMatch(new RegExp(`^-rw------- root/root .* \\./etc/backup/${file}$`, 'm'));
    expect(text(name, 'DEBIAN/conffiles')).toContain(`/etc/backup/${file}`);
  }
  const program = at('backup-client/opt/backup/lib/backup-client.cjs');
  const args = [program, '-c', at('backup-client/etc/backup/client_config.yml'), 'config', 'show'];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toContain('/var/spool/backup/spool');
});

it('programs run, are on the PATH, and name node as Debian does', () => {
  for (const name of ['backup-client', 'backup-server']) {
    const program = at(name, 'opt/backup/lib', `${name}.cjs`);
    expect(execFileSync(process.execPath, [program, '-V'], { encoding: 'utf8' })).toBe(`${name} Version ${version}\n`);
    expect(readFileSync(program, 'utf8').split('\n', 1)).toEqual(['#!/usr/bin/node']);
    const where = execFileSync('readlink', [at(name, 'usr/bin', name)], { encoding: 'utf8' }).trim();
    expect(where).toBe(`/opt/backup/bin/${name}`);
  }
});

it('every command and every file has a manual page that man can show without a complaint', () => {
  for (const name of ['backup-client', 'backup-server']) {
    const program = at(name, 'opt/backup/lib', `${name}.cjs`);
    const help = execFileSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    const list = help.slice(help.indexOf('Commands:'), help.indexOf('Examples:'));
    const commands = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map((match) => match[1] ?? '');
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands.filter((each) => each !== 'help')) {
      expect(existsSync(at(name, `usr/share/man/man8/${name}-${command}.8.gz`)), command).toBe(true);
    }
  }
  const pages = [
    'backup-client/usr/share/man/man8/backup-client.8.gz',
    'backup-client/usr/share/man/man5/service.yaml.5.gz',
  ];
  for (const page of [...pages, 'backup-server/usr/share/man/man8/backup-server-restore.8.gz']) {
    const source = execFileSync('gunzip', ['-c', at(page)]);
    const shown = execFileSync('sh', ['-c', 'groff -man -Tutf8 -ww -P-cbou 2>&1'], { input: source, encoding: 'utf8' });
    expect(shown, page).not.toMatch(/^troff:/m);
    expect(shown).toContain('DESCRIPTION');
  }
});

it('shells complete commands and options', () => {
  const file = at('backup-client/usr/share/bash-completion/completions/backup-client');
  const complete = (...words: string[]) => {
    const script =
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _backup_client; echo "${COMPREPLY[@]}"';
    return execFileSync('bash', ['-c', script, 'bash', file, 'backup-client', ...words], { encoding: 'utf8' }).trim();
  };
  expect(complete('rec')).toBe('recover');
  expect(complete('backup', '--dry')).toBe('--dry-run');
  expect(complete('config', 's')).toBe('sample show');
  const fish = at('backup-server/usr/share/fish/vendor_completions.d/backup-server.fish');
  const script = `source ${fish}; complete -C 'backup-server config s'`;
  expect(execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' })).toMatch(/^sample\t.*\nshow\t/);
  for (const name of ['backup-client', 'backup-server']) {
    execFileSync('zsh', ['-n', at(name, `usr/share/zsh/vendor-completions/_${name}`)]);
  }
});

it.each(['client', 'server'])(
  'the licence of every package that is in the program of the %s is there, whole',
  (side) => {
    const copyright = text(`backup-${side}/usr/share/doc/backup-${side}/copyright`);
    const program = text(`backup-${side}/opt/backup/lib/backup-${side}.cjs`);
    // The comment that stands before each file of a bundle.
    const files = program.matchAll(/^ *\/\/ .*node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\/[^ \n]*$/gm);
    const names = new Set([...files].map((match) => match[1] ?? ''));
    expect([...names]).toEqual(expect.arrayContaining(['pino', 'execa', 'yaml', 'zod', 'nodemailer', 'commander']));
    for (const name of names) expect(copyright).toMatch(new RegExp(`^Files: bundled/${name}@[\\d.]+/\\*$`, 'm'));
    expect(copyright).not.toMatch(/^License: undefined/m);
    expect(copyright).toContain('GNU AFFERO GENERAL PUBLIC LICENSE');
    expect(copyright.match(/^Files:/gm)?.length).toEqual(copyright.match(/^License:/gm)?.length);
  },
);

it.each([
  ['local-backup', 3.1],
  ['backup-server', 3.6],
  ['restic-maintenance', 1.6],
  ['backup-drill', 3.6],
])('the unit %s is confined as docs/security.md says: exposure %d at most', (unit, most) => {
  const file = join(root, 'systemd', `${unit}.service`);
  const args = ['security', '--offline=yes', '--no-pager', `--threshold=${most * 10}`, file];
  expect(execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' })).toContain('Overall exposure');
});

it('a schedule of its own does what the nightly unit does, for its instance, which is never taken for an option', () => {
  const units = (name: string, unit: string) => text(name, 'usr/lib/systemd/system', `${unit}.service`).split('\n');
  for (const [name, unit, ending] of [
    ['backup-client', 'local-backup', ' --config /etc/backup/%i.yml backup --wait 12h'],
    ['backup-server', 'backup-server', ' backup --wait 12h -- %i'],
    ['backup-server', 'restic-maintenance', ' maintenance --wait 12h -- %i'],
    ['backup-server', 'backup-drill', ' drill --wait 12h -- %i'],
  ] as const) {
    const plain = units(name, unit);
    const other = units(name, `${unit}@`).filter((line) => !plain.includes(line));
    expect(other).toEqual([
      expect.stringMatching(/^Description=.*: %i/),
      `ExecStart=/opt/backup/lib/alive /usr/bin/${name}${ending}`,
    ]);
  }
});

it('timers fire at night, catch up after the machine was off, and are not enabled by the installation', () => {
  for (const [unit, calendar] of [
    ['local-backup', '*-*-* 03:00:00'],
    ['backup-server', '*-*-* 04:00:00'],
    ['restic-maintenance', 'Sun *-*-* 05:00:00'],
  ] as const) {
    const timer = readFileSync(join(root, 'systemd', `${unit}.timer`), 'utf8');
    expect(timer).toContain(`OnCalendar=${calendar}\n`);
    expect(timer).toMatch(/^Persistent=true$/m);
    expect(timer).toMatch(/^FixedRandomDelay=yes$/m);
  }
  const postinst = ['backup-client', 'backup-server'].map((name) => text(name, 'DEBIAN/postinst')).join('');
  expect(postinst).not.toMatch(/deb-systemd-invoke[^\n]*start[^\n]*\.timer/);
  for (const name of ['local-backup', 'backup-server', 'restic-maintenance', 'backup-drill']) {
    // Only one that the admin has enabled before is enabled by an upgrade.
    expect(postinst).toContain(`if deb-systemd-helper debian-installed '${name}.timer'`);
  }
});
