// SPDX-License-Identifier: AGPL-3.0-or-later

/** Without these nobody can get at the host any more, or the backup ends itself. */
const PROTECTED: readonly (readonly [RegExp, string])[] = [
  [/^(?:ssh|sshd)(?:@.*)?\.(?:service|socket)$/, 'nobody could log in any more'],
  [
    /^(?:systemd-.*|init\.scope|dbus(?:-broker)?\.(?:service|socket)|polkit\.service)$/,
    'the system does not work without it',
  ],
  [/^(?:user|user-runtime-dir)@.*\.service$/, 'it is the session of a user'],
  [
    /^(?:local-backup.*|backup-client.*|backup-server.*|restic-maintenance.*|backup-drill.*)$/,
    'it is part of the backup itself',
  ],
  [
    /^(?:basic|default|emergency|final|getty|graphical|halt|initrd.*|local-fs.*|multi-user|network.*|nss-.*|paths|poweroff|reboot|remote-fs.*|rescue|shutdown|sigpwr|slices|sockets|swap|sysinit|time-.*|timers|umount)\.target$/,
    'half the system would stop with it',
  ],
  [/\.(?:slice|scope|device|mount|swap)$/, 'other programs depend on it'],
];

/** Why a unit must never be stopped; undefined where it may be. */
export function whyProtected(unit: string): string | undefined {
  return PROTECTED.find(([pattern]) => pattern.test(unit))?.[1];
}

/** The unit that a process runs in, from /proc/PID/cgroup; undefined outside of systemd. */
export function unitOfCgroup(text: string): string | undefined {
  const path = /^(?:0:|\d+:name=systemd):(.*)$/m.exec(text)?.[1] ?? '';
  return path
    .split('/')
    .reverse()
    .find((name) => name.endsWith('.service'));
}
