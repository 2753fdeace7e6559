// SPDX-License-Identifier: AGPL-3.0-or-later

/** Directories of the service in the archive, as the original has them (C53). */
export const DUMP = 'univention_system_dump';
export const CUSTOM = 'custom_files_data';

/** What `univention-backup` makes. */
export const ARCHIVE = /\.tar\.(?:gz|bz2)$/;
