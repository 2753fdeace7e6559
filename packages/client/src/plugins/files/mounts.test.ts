// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { parseMounts, readMounts } from '../../plugin-tools/snapshot/mounts.ts';
import { findPseudoMounts } from './mounts.ts';

const mounts = parseMounts(
  [
    '27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw',
    '22 27 0:21 / /proc rw,nosuid shared:5 - proc proc rw',
    '35 22 0:30 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=29',
    '24 27 0:6 / /dev rw - devtmpfs udev rw',
    '25 24 0:23 / /dev/shm rw shared:3 - tmpfs tmpfs rw',
    '40 27 0:40 / /run rw - tmpfs tmpfs rw',
    '41 40 0:4 net:[4026] /run/netns/a\\040b rw - nsfs nsfs rw',
    '42 27 0:42 / /srv/disk rw - autofs systemd-1 rw',
    '43 27 0:43 / /srv/mounted rw - autofs systemd-1 rw',
    '44 43 254:2 / /srv/mounted rw - ext4 /dev/vdb1 rw',
    '45 27 0:45 / /srv/jail/proc rw - proc proc rw',
    '',
  ].join('\n'),
);

const below = (...paths: string[]) => findPseudoMounts(mounts, paths).below.map(({ point }) => point);
const inside = (...paths: string[]) => findPseudoMounts(mounts, paths).inside.map(({ path }) => path);

it('finds what is below a path, each once, real file systems and tmpfs not', () => {
  expect(below('/')).toEqual(['/proc', '/dev', '/run/netns/a b', '/srv/disk', '/srv/jail/proc']);
  expect(below('/srv')).toEqual(['/srv/disk', '/srv/jail/proc']);
  expect(below('/sr', '/etc', '/srv/jail/pro')).toEqual([]);
});

it('finds paths that are inside one', () => {
  expect(inside('/proc', '/proc/sys', '/dev/null', '/srv/jail/proc/1')).toHaveLength(4);
  expect(inside('/', '/etc', '/process', '/run', '/dev/shm', '/dev/shm/x')).toEqual([]);
});

it('takes an automount point that is named as what will be mounted there', () => {
  expect(inside('/srv/disk', '/srv/disk/x', '/srv/mounted')).toEqual([]);
  expect(below('/srv/disk')).toEqual([]);
});

it('reads those of this machine', async () => {
  expect(await readMounts()).toContainEqual(expect.objectContaining({ point: '/proc', type: 'proc', root: '/' }));
});
