// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { BackupError } from '@local-backup/common/errors';

/** An entry: its lines, put together where they were folded, one character per byte. */
export type Entry = readonly string[];

/** Largest entry; photos and certificates are far below that. */
const LARGEST_ENTRY = 64 * 1024 * 1024;

/** Lines that make slapadd read files: slapcat never writes them, and somebody else may have. */
const READS_FILES = /^(?:include:|[^:]*:<)/i;

/**
 * Reads what slapcat has written, which may be hostile, entry by entry.
 * @throws BackupError `untrusted` where it ends within an entry, or holds what slapcat does not write
 */
export async function* readEntries(file: string): AsyncGenerator<Entry> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1' })) {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    if (rest.length > LARGEST_ENTRY) throw new BackupError('untrusted', 'An entry of it is larger than 64 MiB.');
    for (const part of parts) yield entryOf(part);
  }
  if (rest !== '') throw new BackupError('untrusted', 'It ends within an entry.');
}

function entryOf(text: string): Entry {
  const lines = text.replace(/\n /g, '').split('\n');
  if (!/^dn::? ?/.test(lines[0] ?? '')) throw new BackupError('untrusted', 'It holds something that is no entry.');
  const reading = lines.find((line) => READS_FILES.test(line));
  if (reading === undefined) return lines;
  throw new BackupError('untrusted', `An entry of it would make slapadd read a file (${reading.split(':')[0]}).`);
}

/** Values of an attribute, decoded. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const name = attribute.toLowerCase();
  return entry.flatMap((line) => {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() !== name) return [];
    if (line[colon + 1] !== ':') return [Buffer.from(line.slice(colon + 1).trimStart(), 'latin1').toString('utf8')];
    return [Buffer.from(line.slice(colon + 2).trim(), 'base64').toString('utf8')];
  });
}

/** What a file holds, whatever the order of entries and attributes. */
export interface Contents {
  readonly entries: number;
  /** Hexadecimal. Guards against accidents, not against forgery. */
  readonly digest: string;
}

/** @throws BackupError as {@link readEntries} */
export async function contentsOf(file: string): Promise<Contents> {
  const digest = Buffer.alloc(32);
  let entries = 0;
  for await (const entry of readEntries(file)) {
    entries += 1;
    const hash = createHash('sha256')
      .update([...entry].sort().join('\n'), 'latin1')
      .digest();
    for (const [index, byte] of hash.entries()) digest[index] = (digest[index] ?? 0) ^ byte;
  }
  return { entries, digest: digest.toString('hex') };
}
