// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { mountOf, parseMounts, visibleMounts } from './mounts.ts';

const mounts = parseMounts(
  [
    // As after an initial RAM disk: what it has mounted was moved, and has lower numbers than the root.
    '21 25 0:20 / /sys rw - sysfs sysfs rw',
    '25 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw',
    '30 25 0:30 / /srv rw - btrfs /dev/vdb rw,subvol=/',
    '31 30 0:31 /@data/app /srv/app rw - btrfs /dev/vdb rw,subvol=/@data/app',
    '32 25 0:32 / /old rw - ext4 /dev/vdc rw',
    '33 32 0:33 / /old/below rw - ext4 /dev/vdd rw',
    '34 32 0:34 / /old rw - tmpfs none rw',
    '40 25 0:40 / /a/b rw - ext4 /dev/vde rw',
    '41 25 0:41 / /a rw - ext4 /dev/vdf rw',
    '',
  ].join('\n'),
);

it('knows what of a file system is mounted', () => {
  expect(mountOf('/srv/app/x', mounts)).toEqual({
    id: '31',
    parent: '30',
    point: '/srv/app',
    root: '/@data/app',
    type: 'btrfs',
    source: '/dev/vdb',
  });
});

it('leaves out what another mount hides', () => {
  expect(visibleMounts(mounts).map(({ id }) => id)).toEqual(['21', '25', '30', '31', '34', '41']);
});
