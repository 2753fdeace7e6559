// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { type BytePath, bytePathOf, bytePathOfText, bytesOf, textOf } from './byte-path.ts';

export const ENTRY_TYPES = ['file', 'directory', 'symlink', 'hardlink', 'fifo', 'character', 'block'] as const;

const LINK_TYPES: ReadonlySet<string> = new Set(['symlink', 'hardlink']);

export type EntryType = (typeof ENTRY_TYPES)[number];

/** One member of an archive: what the entry list records and what a restored file is compared with. */
export interface Entry {
  /** Relative to the archive's root: no leading `./`, no trailing `/`; the root itself is `.`. */
  readonly path: BytePath;
  readonly type: EntryType;
  /** Permission bits with set-uid, set-gid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content as a reader of the file sees them (holes of sparse files included); 0 for all but files. */
  readonly size: number;
  /** Nanoseconds since 1970, may be negative. */
  readonly mtimeNs: bigint;
  /** Of the content as a reader of the file sees it, lower-case hex; only files have one. */
  readonly sha256?: string;
  /** Target of a symlink as it stands; for a hard link the path of the member it is a second name of. */
  readonly link?: BytePath;
}

/** A path in JSON: a plain string where it is UTF-8, else `{ base64 }`. */
const jsonPath = z.union([z.string().min(1), z.strictObject({ base64: z.base64().min(1) })]);

/** One line of `<archive>.entries.gz`. Key names are short and stable: the lists of all snapshots are read for ever. */
const lineSchema = z
  .strictObject({
    path: jsonPath,
    type: z.enum(ENTRY_TYPES),
    mode: z.int().min(0).max(0o7777),
    uid: z.int().min(0).max(0xffff_ffff),
    gid: z.int().min(0).max(0xffff_ffff),
    size: z.int().min(0),
    // 64 bits of seconds have 19 digits, and file systems with 64 bits exist: an odd mtime must not stop a backup.
    mtime: z.string().regex(/^-?\d{1,28}$/),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    link: jsonPath.optional(),
  })
  .refine(({ type, sha256 }) => (sha256 !== undefined) === (type === 'file'), 'files have a sha256, and only they')
  .refine(({ type, size }) => size === 0 || type === 'file', 'only files have a size')
  .refine(({ type, link }) => (link !== undefined) === LINK_TYPES.has(type), 'links have a target, and only they');

/** One line of an entry list, without the newline. */
export function formatEntry(entry: Entry): string {
  return JSON.stringify({
    path: toJsonPath(entry.path),
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    mtime: entry.mtimeNs.toString(),
    sha256: entry.sha256,
    link: entry.link === undefined ? undefined : toJsonPath(entry.link),
  });
}

/** @throws Error where the line is not an entry; the caller says which list it stands in. */
export function parseEntry(line: string): Entry {
  const { path, mtime, sha256, link, ...rest } = lineSchema.parse(JSON.parse(line));
  return {
    ...rest,
    path: fromJsonPath(path),
    mtimeNs: BigInt(mtime),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(link === undefined ? {} : { link: fromJsonPath(link) }),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a path may hold them, and JSON escapes them
const ASCII = /^[\x01-\x7f]*$/;

type JsonPath = z.infer<typeof jsonPath>;

function toJsonPath(path: BytePath): JsonPath {
  if (ASCII.test(path)) return path;
  return textOf(path) ?? { base64: bytesOf(path).toString('base64') };
}

function fromJsonPath(path: JsonPath): BytePath {
  return typeof path === 'string' ? bytePathOfText(path) : bytePathOf(Buffer.from(path.base64, 'base64'));
}
