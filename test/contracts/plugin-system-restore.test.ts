// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemBelow } from '../../packages/client/src/plugins/system/index.ts';
import { applyRestore, restoreContext } from '../helpers/plugin-context.ts';

const PATH = process.env.PATH ?? '';

let work: string;
const at = (...names: string[]) => join(work, ...names);
const textOf = (...names: string[]) => (existsSync(at(...names)) ? readFileSync(at(...names), 'utf8') : undefined);
const calls = () =>
  (textOf('calls') ?? '').split('\n').filter((line) => !/^(?:$|dpkg-query|apt-mark show|systemctl list)/.test(line));

/** A file below `work`. */
function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

/** A program in front of all others, which notes its arguments and then does what the script says. */
function standIn(name: string, script: string): void {
  write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >>'${at('calls')}'\ncd '${work}'\n${script}\n`);
}

/** Debian's programs: what is installed, marked, held and enabled are lists of lines that they read and write. */
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'system-'));
  for (const name of ['bin', 'host/etc', 'copy/system', 'scratch', 'kept']) mkdirSync(at(name), { recursive: true });
  for (const name of ['installed', 'manual', 'held', 'enabled', 'offered']) write(name, '');
  standIn('dpkg-query', `while read -r name; do printf '%s\\tamd64\\tii \\n' "$name"; done <installed`);
  standIn('apt-cache', `shift; for name; do grep -qx "$name" offered && echo "$name | 1 | x"; done; exit 0`);
  standIn(
    'apt-get',
    'case "$*" in *install*) for last; do case $last in -*|install|Dpkg*) ;; *) echo "$last" | tee -a manual >>installed;; esac; done;; esac',
  );
  standIn(
    'apt-mark',
    `verb=$1; shift
case $verb in
  showmanual) cat manual;; showhold) cat held;;
  manual) printf '%s\\n' "$@" >>manual;; hold) printf '%s\\n' "$@" >>held;;
  auto|unhold) [ $verb = auto ] && file=manual || file=held
    for name; do grep -vx "$name" $file >new; mv new $file; done;;
esac`,
  );
  standIn(
    'systemctl',
    `case $1 in
  list-unit-files) printf 'ssh.service enabled enabled\\nshop.timer %s enabled\\n' "$(cat enabled)";;
  enable) echo enabled >enabled;; disable) echo disabled >enabled;;
esac`,
  );
  for (const name of ['dpkg-query', 'apt-cache', 'apt-get', 'apt-mark', 'systemctl']) chmodSync(at('bin', name), 0o755);
  process.env.PATH = `${at('bin')}:${PATH}`;
  write('enabled', 'disabled\n');
  write('installed', 'bash\nvim\n');
  write('manual', 'bash\n');
  write('offered', 'nginx\nmc\n');
  write('copy/system/apt-manual.txt', 'bash\nvim\nnginx\ngone-tool\n');
  write('copy/system/apt-hold.txt', 'nginx\n');
  write(
    'copy/system/unit-files.txt',
    'ssh.service enabled enabled\nshop.timer enabled enabled\nold@.service enabled -\nlost.service enabled enabled\n',
  );
  for (const root of ['host', 'copy/system_files']) write(`${root}/etc/debian_version`, '12.7\n');
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(work, { recursive: true, force: true });
});

const contextOf = (restore: readonly string[]) =>
  restoreContext(systemBelow(at('host')), {
    options: { restore },
    ...{ copy: at('copy'), scratch: at('scratch'), kept: at('kept') },
  });
const plugin = () => systemBelow(at('host'));
const planOf = async (restore: readonly string[]) =>
  ((await plugin().restore?.plan(contextOf(restore))) ?? []).map(({ action, what }) => `${action} ${what}`);

it('without a choice the plan tells what differs and how to choose it, and nothing is done', async () => {
  write('copy/system_files/etc/cron.d/shop', 'saved');
  write('copy/system_files/etc/fstab', 'saved');
  write('host/etc/fstab', 'changed');
  expect(await planOf([])).toEqual([
    'note cron: 2 missing (/etc/cron.d, /etc/cron.d/shop); `restore: [cron]` would put them back',
    'note storage: 1 different (/etc/fstab); compare them by hand, none is ever put back',
    'note packages: 2 not installed (nginx, gone-tool); `restore: [packages]` would install them',
    'note units: 1 not enabled (shop.timer); `restore: [units]` would enable them',
    'note units: 1 were enabled and are not on this machine now (lost.service)',
    'note nothing is changed: name by `restore` in service.yaml what is to be put back',
  ]);
  expect(await applyRestore(plugin(), contextOf([]))).toEqual([]);
  expect(calls()).toEqual([]);
  expect(textOf('host/etc/cron.d/shop')).toBeUndefined();
  expect(textOf('host/etc/fstab')).toBe('changed');
});

it('packages: installs what is missing and can be had, marks it as it was, removes nothing', async () => {
  const context = contextOf(['packages']);
  expect((await planOf(['packages'])).filter((line) => !line.startsWith('note'))).toEqual([
    expect.stringMatching(/^load 2 packages \(nginx, gone-tool\), as far as the sources/),
    'replace the mark of 1 packages: installed by hand',
  ]);
  expect(await applyRestore(plugin(), context)).toEqual(['No source of apt has gone-tool: not installed.']);
  expect(calls()).toEqual([
    'apt-get --quiet update',
    'apt-cache madison nginx gone-tool',
    'apt-get --quiet --yes --no-remove -o Dpkg::Options::=--force-confold install nginx',
    'apt-mark manual vim',
    'apt-mark hold nginx',
  ]);
  await plugin().restore?.revert(context);
  await plugin().restore?.revert(context);
  expect([textOf('installed'), textOf('manual'), textOf('held')]).toEqual(['bash\nvim\nnginx\n', 'bash\nnginx\n', '']);
});

it('units are enabled, not started, and disabled again in a revert', async () => {
  const context = contextOf(['units']);
  expect(await planOf(['units'])).toContain('replace the state of shop.timer: enabled, not started');
  await applyRestore(plugin(), context);
  expect(calls()).toEqual(['systemctl daemon-reload', 'systemctl enable -- shop.timer']);
  expect(await plugin().restore?.verify?.(context)).toMatchObject([{ name: 'units', status: 'ok' }]);
  await plugin().restore?.revert(context);
  expect(textOf('enabled')).toBe('disabled\n');
  expect(await plugin().restore?.verify?.(context)).toMatchObject([{ name: 'units', status: 'failed' }]);
});

it('files: only what differs is touched, sources of apt first, and all of it can be taken back', async () => {
  write('copy/system_files/etc/apt/sources.list', 'saved');
  write('host/etc/apt/sources.list', 'changed');
  write('copy/system_files/etc/default/shop', 'saved');
  write('copy/system_files/etc/default/grub', 'saved');
  write('copy/system_files/etc/systemd/network/a.network', 'saved');
  write('copy/system_files/etc/ssh/sshd_config', 'same');
  write('host/etc/ssh/sshd_config', 'same');
  write('host/etc/ssh/own', 'own');
  standIn('apt-get', `cat host/etc/apt/sources.list >>seen; printf ' ' >>seen`);
  const context = contextOf(['apt', 'packages', 'settings']);
  await applyRestore(plugin(), context);
  expect(textOf('seen')).toBe('saved saved ');
  expect([textOf('host/etc/default/shop'), textOf('host/etc/ssh/own')]).toEqual(['saved', 'own']);
  expect([textOf('host/etc/default/grub'), textOf('host/etc/systemd/network/a.network')]).toEqual([
    undefined,
    undefined,
  ]);
  const verify = async () =>
    (await plugin().restore?.verify?.(context))?.map(({ name, status }) => `${name} ${status}`);
  expect(await verify()).toEqual(['apt ok', 'settings ok', 'packages ok']);
  const plan = await planOf(['apt', 'packages', 'settings']);
  expect(plan.filter((line) => line.startsWith('replace /') || line.startsWith('create'))).toEqual([]);
  await plugin().restore?.revert(context);
  expect([textOf('host/etc/apt/sources.list'), textOf('host/etc/default/shop')]).toEqual(['changed', undefined]);
  expect(await verify()).toEqual(['apt ok', 'settings failed', 'packages ok']);
});

it('the release of another machine, its sources and its name of itself, is not put onto this one', async () => {
  write('host/etc/debian_version', '13.1\n');
  expect((await planOf(['settings', 'cron'])).join()).not.toContain('debian_version');
  await expect(planOf(['apt'])).rejects.toThrow(/had Debian 12, this one has 13/);
});

it('a hostile copy names no options, removals or files elsewhere', async () => {
  write('copy/system/apt-manual.txt', 'bash-\n--reinstall\n../x\nnginx mc\nBad\n');
  write('copy/system/apt-hold.txt', '');
  write('copy/system/unit-files.txt', '--now enabled -\n/tmp/evil.service enabled -\n');
  expect(await planOf(['packages', 'units'])).toEqual([
    'note packages: 5 lines of the lists are no names of packages: left out',
  ]);
  mkdirSync(at('copy/system_files/etc'), { recursive: true });
  symlinkSync('/etc', at('copy/system_files/etc/cron.d'));
  expect(await planOf([])).toContainEqual(expect.stringContaining('cron: 1 missing (/etc/cron.d)'));
  rmSync(at('copy/system/apt-manual.txt'));
  symlinkSync('/etc/shadow', at('copy/system/apt-manual.txt'));
  await expect(planOf([])).rejects.toThrow(/no regular file, or behind a link/);
});

it('an installation that fails ends the restore with the words of apt', async () => {
  standIn(
    'apt-get',
    'case "$*" in *install*) echo "E: Packages need to be removed but remove is disabled." >&2; exit 100;; esac',
  );
  const context = contextOf(['packages']);
  await expect(applyRestore(plugin(), context)).rejects.toThrow(/remove is disabled/);
  await plugin().restore?.revert(context);
  expect(textOf('installed')).toBe('bash\nvim\n');
});
