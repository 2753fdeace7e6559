// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';

/** What a file is by its name and its first bytes, as far as drills know how to look at it. Pure. */
export type Kind = 'gzip' | 'tar' | 'sql' | 'sqlite' | 'json' | 'yaml' | 'empty';

/** First bytes that {@link kindOf} looks at. */
export const HEAD_BYTES = 1024;

/** Texts larger than this are not parsed: it would take long, and what parsing shows is shown by their ends too. */
const JSON_MAX_BYTES = 4 * 1024 * 1024;
const YAML_MAX_BYTES = 128 * 1024;

const SQLITE_MAGIC = Buffer.from('SQLite format 3\0');
/** With its only method of compression. */
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 8]);
const TAR_MAGIC_AT = 257;

/** Never empty where they are any good. */
const NEVER_EMPTY = /\.(?:gz|tgz|tar)$/i;

/** @param head the first bytes of the file, all of them where it is short */
export function kindOf(path: BytePath, size: number, head: Buffer): Kind | undefined {
  if (size === 0) return NEVER_EMPTY.test(path) ? 'empty' : undefined;
  return kindOfContent(head) ?? kindOfText(path, size);
}

function kindOfContent(head: Buffer): Kind | undefined {
  if (head.subarray(0, SQLITE_MAGIC.length).equals(SQLITE_MAGIC)) return 'sqlite';
  if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return 'gzip';
  if (head.toString('latin1', TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === 'ustar') return 'tar';
  return dumpOf(head) === undefined ? undefined : 'sql';
}

function kindOfText(path: BytePath, size: number): Kind | undefined {
  if (/\.json$/i.test(path)) return size <= JSON_MAX_BYTES ? 'json' : undefined;
  return /\.ya?ml$/i.test(path) && size <= YAML_MAX_BYTES ? 'yaml' : undefined;
}

/** True for the name of a compressed tar archive. */
export function isTarName(path: BytePath): boolean {
  return /\.(?:tar\.gz|tgz)$/i.test(path);
}

/** How dumps of databases begin, and how they end where they are whole. */
const DUMPS: readonly { readonly begin: RegExp; readonly end: string }[] = [
  { begin: /^-- PostgreSQL database cluster dump$/m, end: '-- PostgreSQL database cluster dump complete' },
  { begin: /^-- PostgreSQL database dump$/m, end: '-- PostgreSQL database dump complete' },
  { begin: /^-- (?:MySQL|MariaDB) dump /m, end: '-- Dump completed' },
];

/** Undefined: it is no dump that would tell whether it is whole. */
function dumpOf(head: Buffer): { readonly end: string } | undefined {
  const text = head.toString('latin1');
  return text.startsWith('--') || text.startsWith('/*') ? DUMPS.find(({ begin }) => begin.test(text)) : undefined;
}

/** What is wrong with a dump by its first and last bytes; undefined: nothing, or it is no dump. */
export function dumpProblem(head: Buffer, tail: Buffer): string | undefined {
  const dump = dumpOf(head);
  if (dump === undefined || tail.includes(dump.end)) return undefined;
  return `the dump was cut: it does not end with "${dump.end}"`;
}
