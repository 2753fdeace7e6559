// SPDX-License-Identifier: AGPL-3.0-or-later

/** Databases that a server makes itself: none of them is dumped or restored. */
export const SYSTEM_DATABASES: readonly string[] = ['information_schema', 'performance_schema', 'sys', 'mysql'];

/** A name as SQL takes it, whatever is in it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text as SQL takes it, in every sql_mode and character set. */
export function quoteText(text: string): string {
  return text === '' ? "''" : `CONVERT(0x${Buffer.from(text).toString('hex')} USING utf8mb4)`;
}

/** A database's name in GRANT, where `_` and `%` are patterns. */
export function quoteGrantName(name: string): string {
  return quoteName(name.replaceAll(/[\\_%]/g, '\\$&'));
}

/**
 * Name of a database's files, without extension: the same in every run. Characters that have no place in a file name are
 * written as `%2F`; at most 64 characters of a database's name make 192 bytes.
 */
export function fileNameOf(database: string): string {
  const encode = (character: string) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  // `grants.sql` holds the accounts.
  return database.replaceAll(/[/%\p{Cc}]|^\.|^g(?=rants$)/gu, encode);
}

/** A text that the server sent as HEX(). */
export function fromHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString();
}

/** What is wrong with a name for a database; undefined where nothing is. */
export function nameComplaint(name: string): string | undefined {
  if (name === '' || [...name].length > 64) return 'must have 1 to 64 characters';
  if (name.endsWith(' ') || name.includes('\0')) return 'must not end with a blank or hold a NUL';
  if (SYSTEM_DATABASES.includes(name.toLowerCase()))
    return 'must not be a database of the server itself: accounts are saved with `grants: true`';
  // Measured with 10.11: the dump program escapes them where it should not, and then says "Unknown database".
  if (/['"\\]/.test(name)) return `must not hold ' or " or \\: mariadb-dump cannot dump events of such a database`;
  return undefined;
}
