// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Entry } from '@local-backup/common/entry';
import { createEntryListWriter } from '@local-backup/common/entry-list';
import { createGzipFile, type WrittenFile } from '@local-backup/common/gzip-file';
import type { TarTotals } from '@local-backup/common/tar-limits';

export interface ArchiveSinkOptions {
  /** The archive; must not exist. */
  readonly file: string;
  readonly entryListFile: string;
  /** 0 to 9. */
  readonly gzipLevel: number;
  /** Blocks that are compressed at the same time. */
  readonly concurrency: number;
}

/** What `finish` has put on disk. */
export interface FinishedArchive extends WrittenFile {
  readonly totals: TarTotals;
  readonly entryList: WrittenFile;
}

/** The two files that grow while members pass by: the archive and its entry list. */
export interface ArchiveSink {
  /** Bytes of a member, as they belong into the archive. */
  bytes(bytes: Buffer): void;
  /** A member whose bytes have passed. */
  entry(entry: Entry): void;
  /** Enough is waiting to be written: call {@link ready}. */
  readonly full: boolean;
  ready(): Promise<void>;
  /** Remembers this place, between two members, for {@link rollback}. */
  mark(): void;
  /** Takes back the bytes since {@link mark}, of a member that was cut off. */
  rollback(): Promise<void>;
  finish(): Promise<FinishedArchive>;
  abort(): Promise<void>;
}

/** Two zero blocks: the end of an archive. */
const END = Buffer.alloc(1024);

/** @throws BackupError `failed`, here or from any method, where a file cannot be written */
export async function createArchiveSink(options: ArchiveSinkOptions): Promise<ArchiveSink> {
  const { file, entryListFile, gzipLevel: level, concurrency } = options;
  const archive = await createGzipFile({ file, level, concurrency });
  const list = await createEntryListWriter(entryListFile);
  const totals = { files: 0, entries: 0, bytes: 0 };
  let full = false;
  return {
    bytes(bytes) {
      if (!archive.write(bytes)) full = true;
    },
    entry(entry) {
      totals.entries += 1;
      totals.bytes += entry.size;
      if (entry.type === 'file') totals.files += 1;
      if (!list.add(entry)) full = true;
    },
    get full() {
      return full;
    },
    async ready() {
      await archive.ready();
      await list.ready();
      full = false;
    },
    mark: () => archive.mark(),
    rollback: () => archive.rollback(),
    async finish() {
      archive.write(END);
      const written = await archive.finish();
      const { bytes, sha256 } = await list.finish();
      return { ...written, totals, entryList: { bytes, sha256 } };
    },
    async abort() {
      await archive.abort();
      await list.abort();
    },
  };
}
