// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from './byte-path.ts';
import type { Entry } from './entry.ts';
import type { TarLimits, TarTotals } from './tar-limits.ts';

/** What a member takes beside its content. */
export interface MemberExtent {
  /** Size of its PAX header or long names. */
  readonly metaBytes: number;
  /** Parts with data of a sparse file; 0 for all else. */
  readonly sparseRegions: number;
}

export interface TarReaderOptions {
  readonly limits: TarLimits;
  /**
   * Called when a member's headers have been read, its content has not; the entry has no hash yet. `drop` leaves its
   * bytes out of `onRaw`, it out of the totals and `onEntry` uncalled.
   */
  readonly onMember?: (entry: Entry, extent: MemberExtent) => 'keep' | 'drop' | undefined;
  /** Called when a member has passed; files have their hash. */
  readonly onEntry?: (entry: Entry) => void;
  /**
   * Gets the bytes of all members that are kept, without the end of the archive, so that archives can be put one
   * after the other. The slices belong to the chunks that were written. A member comes when it is whole, unless it is
   * large.
   */
  readonly onRaw?: (bytes: Buffer) => void;
  /**
   * Called before the first bytes of a member that is too large to be held back: from here on `onRaw` would have to be
   * taken back if the archive were cut off inside it, see {@link TarReader.cutOff}.
   */
  readonly onLarge?: () => void;
  /** False: no hashes are made. Default true. */
  readonly hash?: boolean;
}

export interface TarReader {
  /**
   * Reads on. False where a large hole of a sparse file is left to be hashed: call {@link resume} until it is true, in
   * turns of its own so that everything else goes on. Writing again instead does the rest at once.
   * @throws BackupError `untrusted`: this is not an archive as GNU tar writes it, or goes beyond the limits
   */
  write(chunk: Buffer): boolean;
  resume(): boolean;
  /** The end of the archive has been read. */
  readonly complete: boolean;
  /** @throws BackupError `untrusted`: the archive is not at its end */
  end(): TarTotals;
  /** Instead of `end`, where nothing more comes or `write` has thrown: hands on what is whole, forgets what is not. */
  cutOff(): CutOff;
}

/** What is left of an archive that was cut off. */
export interface CutOff {
  /** Of the members that are whole. */
  readonly totals: TarTotals;
  /** The member that was kept and is not whole, where its headers had been read. */
  readonly path: BytePath | undefined;
  /** A part of it has been handed on: what `onRaw` got since `onLarge` has to be taken back. */
  readonly begun: boolean;
}

/** Writes a whole stream of chunks into a reader, in turns. */
export async function feedTar(reader: TarReader, chunks: AsyncIterable<Buffer>): Promise<TarTotals> {
  for await (const chunk of chunks) if (!reader.write(chunk)) await hashHoles(reader);
  return reader.end();
}

/** Brings a reader whose `write` returned false to where it is ready for the next chunk. */
export async function hashHoles(reader: TarReader, signal?: AbortSignal): Promise<void> {
  do {
    signal?.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  } while (!reader.resume());
}
