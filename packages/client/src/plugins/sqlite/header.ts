// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/** The first 100 bytes of a database (https://www.sqlite.org/fileformat2.html, 1.3). */
export interface Header {
  readonly bytes: number;
  /** 0 for an empty file, which SQLite takes for a database without tables. */
  readonly pageSize: number;
  /** Pages that the header speaks of; 0 where it was written by SQLite before 3.7.0. */
  readonly pages: number;
  /** Whether what was written last is in a `-wal` file beside it. */
  readonly wal: boolean;
}

const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;

/** What the entropy is judged by: of 4 KiB of encrypted bytes nearly all 256 values occur, of a text at most some 100. */
const SAMPLE_BYTES = 4096;
const ENCRYPTED_VALUES = 240;

/**
 * Reads the beginning of a database file. Follows no link.
 * @throws BackupError `failed` where it is none that sqlite3 could read, with what it seems to be
 */
export async function readHeader(file: string): Promise<Header> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size === 0) return { bytes: 0, pageSize: 0, pages: 0, wal: false };
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
    const sample = buffer.subarray(0, bytesRead);
    if (bytesRead < HEADER_BYTES || !sample.toString('latin1').startsWith(MAGIC)) throw noDatabase(file, sample);
    // 65536 does not fit into two bytes and is written as 1.
    const written = sample.readUInt16BE(16);
    const pageSize = written === 1 ? 65_536 : written;
    return { bytes: size, pageSize, pages: sample.readUInt32BE(28), wal: sample[18] === 2 || sample[19] === 2 };
  } finally {
    await handle.close();
  }
}

/** What is wrong with the size of a copy that nobody writes to; undefined: nothing. */
export function sizeComplaint({ bytes, pageSize, pages }: Header): string | undefined {
  if (bytes === 0) return undefined;
  if (pageSize < 512 || bytes % pageSize !== 0) return `its ${bytes} bytes are no whole pages of ${pageSize} bytes`;
  return pages === 0 || pages * pageSize === bytes
    ? undefined
    : `it has ${bytes / pageSize} pages, but its header speaks of ${pages}`;
}

function noDatabase(file: string, sample: Buffer): BackupError {
  const name = showControls(file);
  const encrypted = sample.length === SAMPLE_BYTES && new Set(sample).size >= ENCRYPTED_VALUES;
  return new BackupError(
    'failed',
    encrypted
      ? `${name} does not begin as an SQLite database does and looks encrypted (SQLCipher or the like): sqlite3 cannot ` +
          'read it. Save it by a program that has its key (plugin `command`), or stop its application and use `files`.'
      : `${name} is no SQLite database: it does not begin with "SQLite format 3". Correct \`paths\`, or name it in \`exclude\`.`,
  );
}
