// SPDX-License-Identifier: AGPL-3.0-or-later
import { chownSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
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
import { readTree } from '../helpers/file-tree.ts';
import { applyRestore } from '../helpers/plugin-context.ts';
import { killedAfter } from '../helpers/snapshot-lab.ts';

/* A restore of `system` leaves a machine that starts and can be reached, whatever happens on the way. */

useDebianStandIns();

it('what keeps a machine from starting on other disks is by hand: mount units, settings of grub; names of networks are no settings', async () => {
  for (const path of ['systemd/system/data.mount', 'systemd/system/local-fs.target.wants/data.mount'])
    write(`copy/system_files/etc/${path}`, 'saved');
  write('copy/system_files/etc/systemd/system/data.mount.d/a.conf', 'saved');
  write('copy/system_files/etc/default/grub.d/40-force-partuuid.cfg', 'saved');
  write('copy/system_files/etc/udev/rules.d/70-persistent-net.rules', 'saved');
  write('copy/system/unit-files.txt', 'shop.timer enabled enabled\ndata.mount enabled enabled\n');
  standIn('systemctl', `[ $1 = list-unit-files ] && printf 'shop.timer disabled x\\ndata.mount disabled x\\n'; exit 0`);
  expect(await planOf(['settings', 'units'])).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^note network: 1 missing/),
      expect.stringMatching(/^note storage: 6 missing .*compare them by hand/),
      expect.stringMatching(/^note units: 1 of disks are not enabled \(data.mount\)/),
    ]),
  );
  await applyRestore(plugin(), contextOf(['settings', 'units']));
  const verify = async () => (await plugin().restore?.verify?.(contextOf(['units', 'packages']))) ?? [];
  standIn('systemctl', `printf 'shop.timer enabled x\\ndata.mount disabled x\\n'`);
  expect((await verify())[1]?.message).toMatch(/^enabled but for data.mount/);
  // What cannot be looked at is not well.
  standIn('systemctl', 'echo "System has not been booted with systemd" >&2; exit 1');
  rmSync(at('copy/system/apt-manual.txt'));
  expect((await verify()).map(({ status }) => status)).toEqual(['skipped', 'skipped']);
  expect(textOf('host/etc/systemd/system/data.mount')).toBeUndefined();
  expect(textOf('host/etc/default/grub.d/40-force-partuuid.cfg')).toBeUndefined();
  expect(calls()).toContain('systemctl enable -- shop.timer');
});

it('an SSH server that would not start with what was saved has the old state put back', async () => {
  write('copy/system_files/etc/ssh/sshd_config', 'PortOfNobody 22\n');
  write('host/etc/ssh/sshd_config', 'Port 22\n');
  const context = contextOf(['settings']);
  await expect(applyRestore(plugin(), context)).rejects.toThrow(/would not start: .*PortOfNobody/s);
  await plugin().restore?.revert(context);
  expect(textOf('host/etc/ssh/sshd_config')).toBe('Port 22\n');
});

it('files of accounts that are not here, or have another number, are told: owners are put back as numbers', async () => {
  write('copy/system_files/etc/passwd', 'root:x:0:0::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n');
  write('copy/system_files/etc/group', 'root:x:0:\ncrontab:x:105:\n');
  write('host/etc/passwd', 'root:x:0:0::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n');
  write('host/etc/group', 'root:x:0:\nssh:x:105:\n');
  write('copy/system_files/var/spool/cron/crontabs/alice', '# each hour');
  chownSync(at('copy/system_files/var/spool/cron/crontabs/alice'), 1001, 105);
  const told = expect.stringMatching(/1 files belonged to accounts .*crontabs\/alice: alice:crontab\)/);
  expect(await planOf(['cron'])).toContainEqual(told);
  expect(await applyRestore(plugin(), contextOf(['cron']))).toEqual([told]);
  write('host/etc/passwd', 'root:x:0:0::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n');
  write('host/etc/group', 'root:x:0:\ncrontab:x:105:\n');
  rmSync(at('host/var'), { recursive: true });
  expect(await applyRestore(plugin(), contextOf(['cron']))).toEqual([]);
});

it('sources that cannot be reached are told; all packages are named; dpkg at work is not interrupted', async () => {
  const many = Array.from({ length: 12 }, (_, index) => `tool-${index}`);
  write('copy/system/apt-manual.txt', many.join('\n'));
  write('offered', many.join('\n'));
  expect((await planOf(['packages']))[0]).toContain('tool-11');
  standIn(
    'apt-get',
    `case "$*" in *update*) echo 'W: Failed to fetch http://x' >&2;; *--download-only*) ;; *) touch begun; until [ -e go ]; do sleep 0.05; done; touch done;; esac`,
  );
  const ending = new AbortController();
  const warn = vi.fn();
  const context = contextOf(['packages'], { signal: ending.signal });
  const applied = applyRestore(plugin(), context).catch(warn);
  await vi.waitFor(() => expect(existsSync(at('begun'))).toBe(true), { timeout: 60_000 });
  ending.abort(new Error('ended'));
  write('go', '');
  await applied;
  expect(warn).toHaveBeenCalledWith(new Error('ended'));
  expect(existsSync(at('done'))).toBe(true);
  write('copy/system/apt-manual.txt', 'tool-1\n');
  expect(await applyRestore(plugin(), contextOf(['packages']))).toContain(
    'apt-get update: W: Failed to fetch http://x',
  );
});

it('may be killed between any two commands: `revert` finds everything in what was on disk', async () => {
  write('host/etc/apt/sources.list', 'changed');
  write('copy/system_files/etc/apt/sources.list', 'saved');
  write('host/etc/cron.d', 'a file');
  write('copy/system_files/etc/cron.d/shop', 'saved');
  const state = () => [
    readTree(at('host')).filter(({ type }) => type === 'file'),
    textOf('enabled'),
    textOf('held'),
    (textOf('manual') ?? '').replace('nginx\n', ''),
  ];
  const before = state();
  for (let commands = 0; ; commands += 1) {
    const { exec, killed } = killedAfter(commands);
    const restoring = contextOf(['apt', 'packages', 'cron', 'units'], { exec });
    await applyRestore(plugin(), restoring).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(restoring.remembered() ?? null)) ?? undefined;
    const later = contextOf([]);
    if (memo !== undefined) await later.remember(memo);
    await plugin().restore?.revert(later);
    await plugin().restore?.revert(later);
    expect(state(), `after ${commands} commands`).toEqual(before);
    for (const name of readdirSync(at('kept'))) rmSync(at('kept', name), { recursive: true });
    write('installed', 'bash\nvim\n');
    write('manual', 'bash\n');
    if (!killed()) return expect(commands).toBeGreaterThan(20);
  }
});
