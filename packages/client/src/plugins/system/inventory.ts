// SPDX-License-Identifier: AGPL-3.0-or-later

/** Something about this machine that a program tells, saved as `system/<file>`. */
export interface Report {
  readonly file: string;
  readonly command: readonly [string, ...string[]];
  /** Words of `include` that ask for it. */
  readonly part: Part;
  /** Exit codes that are no error, beside 0: there is just nothing to tell. */
  readonly accept?: readonly number[];
}

export const PARTS = ['packages', 'units', 'network', 'storage', 'proxmox', 'accounts', 'cron'] as const;

export type Part = (typeof PARTS)[number];

/** Without what changes by itself, free space for example: a machine that nobody has changed is saved as it was. */
const DEVICE_FACTS =
  'PATH,TYPE,SIZE,FSTYPE,LABEL,UUID,PTTYPE,PTUUID,PARTTYPE,PARTLABEL,PARTUUID,PARTFLAGS,MODEL,SERIAL,WWN,RO,MOUNTPOINT';
const MOUNT_FACTS = 'TARGET,SOURCE,FSTYPE,OPTIONS,UUID,PARTUUID';

/**
 * What a rebuild of the machine needs and no file of it says. A program that is not installed is left out: its subject is
 * not there either.
 */
export const REPORTS: readonly Report[] = [
  { part: 'packages', file: 'dpkg-selections.txt', command: ['dpkg', '--get-selections'] },
  {
    part: 'packages',
    file: 'packages.txt',
    command: ['dpkg-query', '-W', '-f', `\${Package}:\${Architecture}\t\${Version}\t\${db:Status-Abbrev}\n`],
  },
  { part: 'packages', file: 'apt-manual.txt', command: ['apt-mark', 'showmanual'] },
  { part: 'packages', file: 'apt-hold.txt', command: ['apt-mark', 'showhold'] },
  { part: 'packages', file: 'dpkg-diversions.txt', command: ['dpkg-divert', '--list'] },
  { part: 'packages', file: 'dpkg-statoverride.txt', command: ['dpkg-statoverride', '--list'], accept: [1] },
  { part: 'packages', file: 'alternatives.txt', command: ['update-alternatives', '--get-selections'] },
  { part: 'packages', file: 'snap.txt', command: ['snap', 'list', '--all'], accept: [1] },
  { part: 'packages', file: 'flatpak.txt', command: ['flatpak', 'list', '--columns=all'] },
  { part: 'packages', file: 'kernel.txt', command: ['uname', '-a'] },
  {
    part: 'units',
    file: 'unit-files.txt',
    command: ['systemctl', 'list-unit-files', '--no-pager', '--no-legend', '--plain'],
    accept: [1],
  },
  { part: 'network', file: 'addresses.json', command: ['ip', '-json', 'address', 'show'] },
  { part: 'network', file: 'routes.json', command: ['ip', '-json', 'route', 'show', 'table', 'all'] },
  { part: 'network', file: 'nftables.txt', command: ['nft', 'list', 'ruleset'] },
  { part: 'network', file: 'iptables.txt', command: ['iptables-save'] },
  { part: 'network', file: 'ip6tables.txt', command: ['ip6tables-save'] },
  { part: 'storage', file: 'block-devices.json', command: ['lsblk', '--json', '--bytes', '--output', DEVICE_FACTS] },
  {
    part: 'storage',
    file: 'mounts.json',
    command: ['findmnt', '--json', '--real', '--output', MOUNT_FACTS],
    accept: [1],
  },
  { part: 'storage', file: 'blkid.txt', command: ['blkid'], accept: [2] },
  { part: 'storage', file: 'mdadm.txt', command: ['mdadm', '--detail', '--scan'] },
  { part: 'storage', file: 'lvm.json', command: ['lvm', 'fullreport', '--reportformat', 'json'] },
  { part: 'storage', file: 'zpool-status.txt', command: ['zpool', 'status', '-P'] },
  { part: 'storage', file: 'zfs-properties.txt', command: ['zfs', 'get', '-Hp', '-s', 'local,received', 'all'] },
  { part: 'storage', file: 'btrfs.txt', command: ['btrfs', 'filesystem', 'show'], accept: [1] },
  { part: 'storage', file: 'efi-boot.txt', command: ['efibootmgr', '-v'], accept: [1, 2] },
  { part: 'proxmox', file: 'pveversion.txt', command: ['pveversion', '--verbose'] },
  {
    part: 'proxmox',
    file: 'pve-guests.json',
    command: ['pvesh', 'get', '/cluster/resources', '--output-format', 'json'],
  },
  { part: 'proxmox', file: 'pve-storage.json', command: ['pvesh', 'get', '/storage', '--output-format', 'json'] },
];

/** Files and directories of this machine that a rebuild needs; those that are there are saved. */
export const PLACES: Readonly<Record<Part, readonly string[]>> = {
  packages: [
    '/etc/apt',
    '/etc/dpkg',
    '/etc/os-release',
    '/etc/debian_version',
    '/etc/default',
    '/etc/locale.gen',
    '/etc/timezone',
    '/etc/localtime',
  ],
  units: [
    '/etc/systemd',
    '/etc/init.d',
    '/etc/rc.local',
    '/etc/sysctl.conf',
    '/etc/sysctl.d',
    '/etc/modules',
    '/etc/modules-load.d',
    '/etc/modprobe.d',
    '/etc/udev',
    '/etc/ssh',
  ],
  network: [
    '/etc/network',
    '/etc/netplan',
    '/etc/NetworkManager',
    '/etc/systemd/network',
    '/etc/udev/rules.d/70-persistent-net.rules',
    '/etc/resolv.conf',
    '/etc/hosts',
    '/etc/hostname',
    '/etc/nftables.conf',
    '/etc/iptables',
    '/etc/ufw',
    '/etc/firewalld',
    '/etc/wireguard',
    '/etc/vlan',
  ],
  storage: [
    '/etc/fstab',
    '/etc/crypttab',
    '/etc/mdadm',
    '/etc/lvm',
    '/etc/exports',
    '/etc/zfs',
    '/etc/initramfs-tools',
    '/etc/default/grub',
    '/etc/default/grub.d',
    '/etc/kernel',
  ],
  proxmox: [
    '/etc/pve',
    '/var/lib/pve-cluster/config.db',
    '/etc/libvirt/qemu.conf',
    '/etc/cluster/cluster.conf',
    '/etc/ceph',
    '/etc/vzdump.conf',
  ],
  accounts: [
    '/etc/passwd',
    '/etc/group',
    '/etc/shadow',
    '/etc/gshadow',
    '/etc/subuid',
    '/etc/subgid',
    '/etc/sudoers',
    '/etc/sudoers.d',
    '/etc/pam.d',
    '/etc/security',
  ],
  cron: [
    '/etc/crontab',
    '/etc/anacrontab',
    '/etc/cron.d',
    '/etc/cron.hourly',
    '/etc/cron.daily',
    '/etc/cron.weekly',
    '/etc/cron.monthly',
    '/var/spool/cron',
    '/var/spool/anacron',
  ],
};

/** Every Debian can tell its packages: without them the report is not worth its name. */
export const ESSENTIAL: Readonly<Partial<Record<Part, string>>> = { packages: 'dpkg-selections.txt' };
