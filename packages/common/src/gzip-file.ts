// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { showControls } from './byte-path.ts';
import { BackupError } from './errors.ts';
import { createParallelGzip } from './parallel-gzip.ts';

export interface GzipFileOptions {
  /** Must not exist. */
  readonly file: string;
  readonly level: number;
  readonly concurrency: number;
}

/** What has been written, compressed. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** A compressed file that is hashed while it is written. */
export interface GzipFile {
  /** Takes a copy. False: call {@link ready} before going on. */
  write(bytes: Uint8Array): boolean;
  ready(): Promise<void>;
  /** Remembers this place for {@link rollback}. */
  mark(): void;
  /** Takes back all that was written since {@link mark}. */
  rollback(): Promise<void>;
  /** Resolves when all is on disk (fsync). */
  finish(): Promise<WrittenFile>;
  /** Closes and removes the file. Harmless after {@link finish}, which it does not undo. */
  abort(): Promise<void>;
}

/**
 * Creates a file, mode 0600, for compressed content.
 *
 * @throws BackupError `failed`, here or from any of its methods: it cannot be written, the disk is full for example
 */
export async function createGzipFile({ file, level, concurrency }: GzipFileOptions): Promise<GzipFile> {
  const handle = await openNew(file);
  let hash = createHash('sha256');
  let bytes = 0;
  let members = 0;
  let marked: Mark | undefined;
  let open = true;
  const onChunk = async (compressed: Buffer) => {
    if (members === marked?.members) marked.before = { bytes, hash: hash.copy() };
    const position = bytes;
    hash.update(compressed);
    bytes += compressed.length;
    members += 1;
    await orFail(file, writeAll(handle, compressed, position));
  };
  const gzip = createParallelGzip({ level, concurrency, onChunk });
  return {
    write: (content) => gzip.write(content),
    ready: () => gzip.ready(),
    mark() {
      marked = { members: gzip.flush(), before: undefined };
    },
    async rollback() {
      gzip.discard();
      await gzip.settle();
      await gzip.ready();
      if (marked?.before === undefined) return;
      ({ bytes, hash } = marked.before);
      marked = undefined;
      await orFail(file, handle.truncate(bytes));
    },
    async finish() {
      await gzip.end();
      await orFail(file, handle.sync());
      open = false;
      await orFail(file, handle.close());
      return { bytes, sha256: hash.digest('hex') };
    },
    async abort() {
      if (!open) return;
      open = false;
      await gzip.settle();
      await handle.close();
      await rm(file, { force: true });
    },
  };
}

function openNew(file: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return orFail(file, open(file, flags, 0o600));
}

/** A place between two gzip members. */
interface Mark {
  /** Number of gzip members before it. */
  readonly members: number;
  /** The file up to there; undefined until something has been written behind it. */
  before: { readonly bytes: number; readonly hash: Hash } | undefined;
}

/** A single write may take less than it was given, on a disk that is nearly full for example. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, undefined, position + done);
    done += bytesWritten;
  }
}

async function orFail<Value>(file: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupError('failed', `Cannot write ${showControls(file)}: ${reason}`, { cause: error });
  }
}
