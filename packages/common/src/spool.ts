// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * What is called what in the spool, the directory on a host where finished archives wait for the server. Only names;
 * both sides join them to their own idea of the directory. See docs/design.md, "Spool".
 */

/** A directory made with plain mkdir while an archive is being written and published. */
export const SPOOL_LOCK = '.backup_archive_in_progress.lock';

/** The client refreshes the lock's mtime this often, in milliseconds. */
export const SPOOL_LOCK_REFRESH_MS = 15_000;

/** A lock whose mtime has not changed for this long, in milliseconds, was left by a crash. */
export const SPOOL_LOCK_STALE_MS = 10 * 60_000;

/** Archives that the server has stored are moved here. */
export const SPOOL_DONE = 'done';

/** Left by the server when it cannot use a delta: the client's next archive is full. */
export const SPOOL_WANT_FULL = 'want-full';

/** The name that an archive, entry list or manifest has while it is being written; swept by the next run. */
export function partialName(name: string): string {
  return `.${name}.partial`;
}

/** True for names made by {@link partialName}. */
export function isPartialName(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.partial');
}

/** The manifest beside an archive. Written last: without it, nothing is published. */
export function manifestName(archive: string): string {
  return `${archive}.json`;
}

/** The entry list beside an archive. */
export function entryListName(archive: string): string {
  return `${archive}.entries.gz`;
}
