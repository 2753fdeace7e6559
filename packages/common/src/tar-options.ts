// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * Options of GNU tar 1.29 or newer that decide what survives the way from a host to a snapshot and back. They are the same
 * wherever something is written or unpacked: what one place leaves out, no other can bring back.
 */

/**
 * For writing. Owners as numbers, and everything a file system knows about a file. ACLs have records of their own, so they
 * are left out of the extended attributes. Access times change with every backup, and change times cannot be restored.
 */
export const TAR_FIDELITY: readonly string[] = [
  '--format=posix',
  '--sort=name',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=system.posix_acl_*',
  '--acls',
  '--sparse',
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
];

/** For unpacking, as root: all that was saved, modes and times of directories last, names told with escapes. */
export const TAR_UNPACKING: readonly string[] = [
  '--numeric-owner',
  '--same-owner',
  '--preserve-permissions',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--delay-directory-restore',
  '--warning=no-timestamp',
  '--quoting-style=escape',
];
