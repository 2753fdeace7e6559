// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { Manifest } from '@local-backup/common/manifest';
import type { Host } from '../../config/host.ts';

/** Bounds of one host's archives, from the server's configuration. */
export type HostBounds = Pick<Host, 'maxArchiveBytes' | 'maxUnpackedBytes' | 'maxEntries'>;

/** Space that stays free beside what is written: this part of it, and at least so many bytes. */
const RESERVE_PART = 0.05;
const RESERVE_BYTES = 64 * 1024 * 1024;

/** What a file or directory takes on disk beside its content: its last block and its inode. */
const DISK_BYTES_PER_ENTRY = 4096;

/** Lines of an entry list are far shorter once compressed: 64 hex digits and the end of a path each. */
const LIST_BYTES_PER_ENTRY = 1024;
const LIST_BYTES_AT_LEAST = 64 * 1024;

/**
 * Refuses an archive that is beyond what the host may send, before anything of it is fetched.
 * @param archiveBytes size of the archive in the spool
 * @throws BackupError `untrusted`
 */
export function requireWithinBounds(archiveBytes: number, manifest: Manifest | undefined, bounds: HostBounds): void {
  refuseAbove('The archive has', archiveBytes, bounds.maxArchiveBytes, 'max_archive_size');
  if (manifest === undefined) return;
  const { totals, entryList } = manifest;
  refuseAbove('By its manifest the archive unpacks to', totals.bytes, bounds.maxUnpackedBytes, 'max_unpacked_size');
  if (totals.entries > bounds.maxEntries) {
    const found = `By its manifest the archive holds ${totals.entries} entries, more than the ${bounds.maxEntries}`;
    throw new BackupError('untrusted', `${found} allowed for this host; if that is right, raise max_entries.`);
  }
  const listBytes = LIST_BYTES_AT_LEAST + totals.entries * LIST_BYTES_PER_ENTRY;
  if (entryList.bytes <= listBytes) return;
  const found = `The entry list has ${formatBytes(entryList.bytes)}, far too much for ${totals.entries} entries`;
  throw new BackupError('untrusted', `${found}; refused.`);
}

/** Bytes that have to be free for a file of this size. */
export function spaceForFile(bytes: number): number {
  return bytes + reserveFor(bytes);
}

/** Bytes that have to be free for the content of an archive. @param tarBytes size of the uncompressed archive */
export function spaceForTree(tarBytes: number, entries: number): number {
  const bytes = tarBytes + entries * DISK_BYTES_PER_ENTRY;
  return bytes + reserveFor(bytes);
}

function reserveFor(bytes: number): number {
  return Math.max(RESERVE_BYTES, Math.ceil(bytes * RESERVE_PART));
}

function refuseAbove(what: string, bytes: number, allowed: number, option: string): void {
  if (bytes <= allowed) return;
  const reason = `${what} ${formatBytes(bytes)}, more than the ${formatBytes(allowed)} allowed for this host`;
  throw new BackupError('untrusted', `${reason}; if that is right, raise ${option}.`);
}
