// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename } from 'node:path';
import * as z from 'zod';
import { showControls } from './byte-path.ts';
import { type Entry, formatEntry, parseEntry } from './entry.ts';
import { BackupError } from './errors.ts';
import { type GunzipOptions, gunzipFile } from './gunzip-file.ts';
import { createGzipFile, type WrittenFile } from './gzip-file.ts';

/** Writes `<archive>.entries.gz`: one entry per line, as JSON, in the order of the archive. */
export interface EntryListWriter {
  /** False: call {@link ready} before going on. */
  add(entry: Entry): boolean;
  ready(): Promise<void>;
  /** Resolves when all is on disk (fsync). */
  finish(): Promise<WrittenFile & { readonly entries: number }>;
  /** Closes and removes the file. */
  abort(): Promise<void>;
}

export interface EntryListOptions extends GunzipOptions {
  /** More entries than this are refused. */
  readonly entries: number;
}

/** Most of a list is hashes and digits, which higher levels do not make smaller. */
const LEVEL = 2;

/** Text is collected up to this many characters before it is encoded. */
const BATCH_CHARACTERS = 64 * 1024;

/** A path and a link of 4 KiB each take at most six characters per byte in JSON (`\u0001`). */
const LONGEST_LINE = 64 * 1024;

const NEWLINE = 0x0a;

/** @throws BackupError `failed`, here or from any method, where the file cannot be written */
export async function createEntryListWriter(file: string): Promise<EntryListWriter> {
  const gzip = await createGzipFile({ file, level: LEVEL, concurrency: 1 });
  let text = '';
  let entries = 0;
  const flush = () => {
    const bytes = Buffer.from(text, 'utf8');
    text = '';
    return gzip.write(bytes);
  };
  return {
    add(entry) {
      text += `${formatEntry(entry)}\n`;
      entries += 1;
      return text.length < BATCH_CHARACTERS || flush();
    },
    ready: () => gzip.ready(),
    async finish() {
      flush();
      return { ...(await gzip.finish()), entries };
    },
    abort: () => gzip.abort(),
  };
}

/**
 * Reads an entry list in batches, never whole.
 *
 * @throws BackupError `untrusted`, naming the line, where it is not an entry list or has more entries than it may
 */
export async function* readEntryList(file: string, options: EntryListOptions): AsyncGenerator<Entry[], void, void> {
  let line = 0;
  for await (const lines of readEntryLines(file, options)) {
    yield lines.map((text) => {
      line += 1;
      try {
        return parseEntry(text);
      } catch (error) {
        throw notAList(file, line, complaintOf(error), error);
      }
    });
  }
}

/**
 * The lines of an entry list, in batches, without looking into them: an entry has one line that stands for it, so lines
 * can be compared with those of formatEntry.
 *
 * @throws BackupError `untrusted`, naming the line, where one is too long, cut, or one too many
 */
export async function* readEntryLines(file: string, options: EntryListOptions): AsyncGenerator<string[], void, void> {
  let before = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of gunzipFile(file, options)) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(NEWLINE);
    const lines = end < 0 ? [] : bytes.toString('utf8', 0, end).split('\n');
    rest = bytes.subarray(end + 1);
    requireShort(file, before, [...lines, rest]);
    before += lines.length;
    if (before > options.entries) throw notAList(file, before, `there are more than ${options.entries} entries`);
    yield lines;
  }
  if (rest.length > 0) throw notAList(file, before + 1, 'it does not end in a newline: the list was cut');
}

function requireShort(file: string, before: number, lines: readonly { readonly length: number }[]): void {
  const tooLong = lines.findIndex(({ length }) => length > LONGEST_LINE);
  if (tooLong >= 0) throw notAList(file, before + tooLong + 1, `it is longer than ${LONGEST_LINE} bytes`);
}

function notAList(file: string, line: number, what: string, cause?: unknown): BackupError {
  const name = showControls(basename(file));
  return new BackupError('untrusted', `${name} is not a list of entries: line ${line}: ${what}.`, { cause });
}

function complaintOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    return error.issues.map(({ path, message }) => `${path.join('.') || 'entry'}: ${message}`).join('; ');
  }
  return error instanceof SyntaxError ? 'it is not JSON' : showControls(String(error));
}
