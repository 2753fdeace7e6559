// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';

/** A longer ending is cut: names may have 255 bytes. */
const LONGEST = 32;

/** Kinds of files that are compressed or encrypted as they are: that they cannot be compressed says nothing. */
const PACKED: ReadonlySet<string> = new Set(
  (
    '7z aac ace age apk arj avi avif br bz2 cab crx deb dmg docx dotx dwg ear epub flac gif gpg gz gzip heic heif iso ' +
    'jar jpeg jpg jxl kdb kdbx lha lrz lz lz4 lzh lzma lzo m4a m4b m4v mid mkv mov mp2 mp3 mp4 mpeg mpg npz odg odp ods odt ' +
    'oga ogg ogv opus p12 parquet pdf pfx pgp pkg png pptx psf qcow2 rar rpm snappy snap squashfs svgz swf sz tbz tbz2 tgz ' +
    'tlz txz tzst vsdx war webm webp whl wma wmv woff woff2 xapk xlsb xlsm xlsx xpi xz z zip zst zstd'
  ).split(' '),
);

/** What follows the last dot of the name, in lower case; empty for names without one and for `.profile`. */
export function endingOf(path: BytePath): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot + 1, dot + 1 + LONGEST).toLowerCase();
}

/** Endings that count as one: `log-20261121` is no other kind of file than `log-20261120`. */
export function endingKind(ending: string): string {
  return ending.replace(/\d+/g, '#');
}

/** The path that a suffix was put on, `a.txt` of `a.txt.locked`; undefined where there is none. */
export function withoutEnding(path: BytePath): BytePath | undefined {
  const dot = path.lastIndexOf('.');
  return dot <= path.lastIndexOf('/') + 1 ? undefined : (path.slice(0, dot) as BytePath);
}

/** True for files that nothing is expected to compress. */
export function isPacked(ending: string): boolean {
  return PACKED.has(ending);
}
