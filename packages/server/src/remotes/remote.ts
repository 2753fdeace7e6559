// SPDX-License-Identifier: AGPL-3.0-or-later

export interface RemoteFile {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'other';
  readonly size: number;
  /** Whole seconds since 1970 by the client's clock: compared with other values of the same host only. */
  readonly mtime: number;
}

export interface FetchOptions {
  /** Byte of the remote file to start at. */
  readonly offset: number;
  /** Fetch no byte beyond this size of the remote file: the bound that the manifest or the host's limit gives. */
  readonly maxBytes: number;
  /** Bytes per second; undefined: as fast as it goes. */
  readonly bandwidth?: number;
  /** Slower than this many bytes per second over 60 s is given up as a stalled transfer. */
  readonly minimumRate: number;
  /** Called with every piece, in order; the next is not delivered before the promise resolves. */
  readonly onData: (data: Buffer) => Promise<void> | void;
}

export interface UploadOptions {
  /** Bytes per second; undefined: as fast as it goes. */
  readonly bandwidth?: number;
  /** A piece that takes longer than it would at this many bytes per second is given up as a stalled transfer. */
  readonly minimumRate: number;
}

/**
 * What the server can do on a client: files of the spool, nothing else. It can start no program there; that is the
 * pull model's security in one interface. Names are relative to the spool (`done/x` is allowed, `..` is not).
 */
export interface Remote {
  /** Entries of the spool, or of a directory in it; unsorted, without `.` and `..`. */
  list(directory?: string): Promise<readonly RemoteFile[]>;
  /** Undefined when there is no such file. Does not follow symlinks. */
  stat(name: string): Promise<RemoteFile | undefined>;
  /**
   * Streams a file from an offset.
   * @returns the size the file had when it was opened.
   * @throws BackupError `failed` when the link is lost, stalls, or the file ends early; the fetched part stays valid.
   */
  fetch(name: string, options: FetchOptions): Promise<number>;
  /** A small file whole. @throws BackupError `untrusted` when it is larger than `maxBytes`. */
  read(name: string, maxBytes: number): Promise<Buffer>;
  /** Replaces the target. Creates the target's directory when it is missing. */
  rename(from: string, to: string): Promise<void>;
  /** Missing is fine. */
  remove(name: string): Promise<void>;
  /** Creates an empty file; present is fine. */
  mark(name: string): Promise<void>;
  /**
   * Writes a file for the account alone (mode 0600), in the place of what has the name. Creates its directory when it is
   * missing. The name is there only when all of it is: until then it is `partialName` of it, in the same directory.
   * @returns its size
   * @throws BackupError `failed` when the link is lost or stalls; `untrusted` where its directory is something else;
   *   whatever `content` throws. Nothing is left then, unless the link was lost.
   */
  upload(name: string, content: AsyncIterable<Uint8Array>, options: UploadOptions): Promise<number>;
  /** Never throws. */
  close(): Promise<void>;
}
