// SPDX-License-Identifier: AGPL-3.0-or-later

/** A name as SQL takes it, whatever is in it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL takes it, whatever the server's settings for backslashes are. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

/** A database for `--dbname`: a bare name would be read as a connection string where it holds `=` or `://`. */
export function connectionString(database: string): string {
  return `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A name of two parts as pg_dump writes it: `public."we""ird"`. */
const QUALIFIED =
  /^(?:"(?:[^"]|"")+"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)\.(?:"(?:[^"]|"")+"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)$/;

/** True for a name of two parts that can stand in a statement as it is. */
export function isQualifiedName(text: string): boolean {
  return QUALIFIED.test(text);
}

/** Names of other files of this plugin. */
const RESERVED: ReadonlySet<string> = new Set(['globals', 'postgresql']);

/** The file that belongs to a database, without its ending. One name, one file, the same in every run. */
export function fileNameOf(database: string): string {
  const safe = database.replace(/[%/\\\p{Cc}\p{Cs}]/gu, encode).replace(/^[.-]/, encode);
  return RESERVED.has(safe) ? safe.replace(/^./, encode) : safe;
}

function encode(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** The name that a database gets which a restore replaces: `shop_before_restore_20260102_030405`, at most 63 bytes. */
export function asideName(database: string, now: Date, taken: ReadonlySet<string>): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15);
  for (let number = 1; ; number += 1) {
    const suffix = `_before_restore_${stamp}${number === 1 ? '' : `_${number}`}`;
    const name = `${cut(database, 63 - suffix.length)}${suffix}`;
    if (!taken.has(name)) return name;
  }
}

/** So many bytes of a text, whole characters. */
function cut(text: string, bytes: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}
