// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * What a member of an archive may be like, agreed between client and server: the client leaves out what lies beyond,
 * with a warning, as one odd file must not stop the backup of a host; the server refuses it.
 */
export const MEMBER_LIMITS = {
  /** Length of a path or link target: PATH_MAX of Linux without the closing NUL. */
  pathBytes: 4095,
  /** Components of a path: beyond this, tools that walk a tree suffer. */
  depth: 1000,
  /** Size of a PAX header, which holds the extended attributes; Linux allows 64 KiB for each of them. */
  metaBytes: 1024 * 1024,
  /** Parts with data of one sparse file: 16 bytes of memory for each. */
  sparseRegions: 1_000_000,
} as const;
