// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { unitOfCgroup, whyProtected } from './protected.ts';
import { isRestorable } from './unit-files.ts';
import { parseUnit } from './units.ts';

it('reads what `systemctl show` prints', () => {
  const block =
    'Type=oneshot\nRemainAfterExit=no\nId=a.service\nJob=12\nRequiredBy=b.service\nBoundBy=c.service\nConsistsOf=\n' +
    'TriggeredBy=a.timer a.path\nLoadState=loaded\nActiveState=activating\nUnitFileState=static\n' +
    'FragmentPath=/etc/systemd/system/a.service\nDropInPaths=/etc/systemd/system/a.service.d/x.conf';
  expect(parseUnit('alias.service', block)).toEqual({
    ...{ name: 'alias.service', id: 'a.service', loadState: 'loaded', isActive: true, unitFileState: 'static' },
    isGoingDown: false,
    ...{ triggers: ['a.timer', 'a.path'], dependents: ['b.service', 'c.service'], isJob: true },
    files: ['/etc/systemd/system/a.service', '/etc/systemd/system/a.service.d/x.conf'],
  });
});

it.each([
  ['deactivating', '', true],
  ['deactivating', '12', true],
  ['inactive', '12', true],
  ['inactive', '', false],
  ['failed', '0', false],
  ['activating', '12', false],
  ['active', '12', false],
])('a unit that is %s with the job %j may be down only for now: %s', (active, job, expected) => {
  expect(parseUnit('a.service', `ActiveState=${active}\nJob=${job}`).isGoingDown).toBe(expected);
});

it.each([
  'ssh.service',
  'sshd@1.service',
  'dbus.service',
  'systemd-udevd.service',
  'user@0.service',
  'multi-user.target',
])('%s must never be stopped', (unit) => expect(whyProtected(unit)).toBeDefined());

it.each(['sshfs.service', 'my-ssh.service', 'shop.target', 'postgresql.service', 'backup.service'])(
  '%s may be stopped',
  (unit) => expect(whyProtected(unit)).toBeUndefined(),
);

it.each([
  ['0::/system.slice/local-backup.service\n', 'local-backup.service'],
  ['0::/system.slice/system-x.slice/x@1.service/init.scope\n', 'x@1.service'],
  ['12:cpu:/\n1:name=systemd:/system.slice/cron.service\n', 'cron.service'],
  ['0::/user.slice/user-0.slice/session-1.scope\n', undefined],
  ['', undefined],
])('the unit of a process in %j', (text, unit) => {
  expect(unitOfCgroup(text)).toBe(unit);
});

it.each([
  ['/etc/systemd/system/a@x.service', true],
  ['/etc/systemd/system/a@.service', true],
  ['/etc/systemd/system/a@x.service.d/limits.conf', true],
  ['/etc/systemd/system/b.service', false],
  ['/etc/systemd/system/a@x.service.d/limits.sh', false],
  ['/usr/lib/systemd/system/a@.service', false],
  ['/root/a@x.service', false],
  ['/root/a@x.service.d/x.conf', false],
])('%s of a@x.service is put back: %s', (file, expected) => {
  const path = ['/etc/systemd/system', '/usr/lib/systemd/system'];
  expect(isRestorable(file, 'a@x.service', path)).toBe(expected);
});
