// SPDX-License-Identifier: AGPL-3.0-or-later
import { quoteName, quoteText } from './names.ts';
import type { DatabaseFacts } from './record.ts';

/** `CREATE DATABASE`, empty, as it was saved. */
export function createStatement(database: string, facts: DatabaseFacts): string {
  const { encoding, collate, ctype, owner, connectionLimit } = facts;
  return [
    `CREATE DATABASE ${quoteName(database)} TEMPLATE template0 OWNER ${quoteName(owner)}`,
    `ENCODING ${quoteText(encoding)}`,
    ...(collate === null ? [] : [`LC_COLLATE ${quoteText(collate)}`]),
    ...(ctype === null ? [] : [`LC_CTYPE ${quoteText(ctype)}`]),
    ...localeOf(facts),
    `CONNECTION LIMIT ${connectionLimit}`,
  ].join(' ');
}

function localeOf({ provider, locale }: DatabaseFacts): readonly string[] {
  if (locale === null) return [];
  if (provider === 'i') return [`LOCALE_PROVIDER icu ICU_LOCALE ${quoteText(locale)}`];
  return provider === 'b' ? [`LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteText(locale)}`] : [];
}

/** What `pg_dump` leaves out because it belongs to the database as a whole: its settings, who may use it, its comment. */
export function propertyStatements(database: string, facts: DatabaseFacts): readonly string[] {
  const name = quoteName(database);
  return [
    ...facts.settings.map(({ role, setting }) => settingStatement(name, role, setting)),
    ...privilegeStatements(name, facts),
    ...(facts.comment === null ? [] : [`COMMENT ON DATABASE ${name} IS ${quoteText(facts.comment)}`]),
    ...(facts.template ? [`ALTER DATABASE ${name} IS_TEMPLATE true`] : []),
  ];
}

/** Settings whose values are lists of quoted names already (GUC_LIST_QUOTE in PostgreSQL's guc tables). */
const LISTS: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** Names as they are between the elements of a list: an empty one, a plain one, a quoted one. */
const LIST_VALUE = /^(?:[A-Za-z0-9_$]+|"(?:[^"]|"")*")(?:, *(?:[A-Za-z0-9_$]+|"(?:[^"]|"")*"))*$/;

function settingStatement(database: string, role: string | null, setting: string): string {
  const equals = setting.indexOf('=');
  const [name, value] = [setting.slice(0, equals), setting.slice(equals + 1)];
  const target = role === null ? `DATABASE ${database}` : `ROLE ${quoteName(role)} IN DATABASE ${database}`;
  const isList = LISTS.has(name.toLowerCase()) && LIST_VALUE.test(value);
  const parameter = name.split('.').map(quoteName).join('.');
  return `ALTER ${target} SET ${parameter} TO ${isList ? value : quoteText(value)}`;
}

function privilegeStatements(database: string, { privileges }: DatabaseFacts): readonly string[] {
  if (privileges === null) return [];
  const grants = privileges.map(({ grantee, privilege, grantable }) => {
    const whom = grantee === null ? 'PUBLIC' : quoteName(grantee);
    return `GRANT ${privilege} ON DATABASE ${database} TO ${whom}${grantable ? ' WITH GRANT OPTION' : ''}`;
  });
  return [`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`, ...grants];
}
