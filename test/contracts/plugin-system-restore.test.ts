// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  at,
  calls,
  contextOf,
  planOf,
  plugin,
  standIn,
  textOf,
  useDebianStandIns,
  write,
} from '../helpers/debian-stand-ins.ts';
import { applyRestore } from '../helpers/plugin-context.ts';

const INSTALL = '--quiet --yes --no-remove -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold install';

useDebianStandIns();

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
    `apt-get --download-only ${INSTALL} nginx`,
    `apt-get ${INSTALL} nginx`,
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
  expect(textOf('seen')).toBe('saved saved saved ');
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
  write('copy/system/apt-manual.txt', 'bash-\n--reinstall\n../x\nnginx mc\nBad\nnginx:amd64-\n');
  write('copy/system/apt-hold.txt', '');
  write('copy/system/unit-files.txt', '--now enabled -\n/tmp/evil.service enabled -\n');
  expect(await planOf(['packages', 'units'])).toEqual([
    'note packages: 6 lines of the lists are no names of packages: left out',
  ]);
  mkdirSync(at('copy/system_files/etc'), { recursive: true });
  symlinkSync('/etc', at('copy/system_files/etc/cron.d'));
  expect(await planOf([])).toContainEqual(expect.stringContaining('cron: 1 missing (/etc/cron.d)'));
  rmSync(at('copy/system/apt-manual.txt'));
  write('copy/system/apt-manual.txt', '');
  truncateSync(at('copy/system/apt-manual.txt'), 20e9);
  await expect(planOf([])).rejects.toThrow(/apt-manual.txt in the copy is too large/);
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
