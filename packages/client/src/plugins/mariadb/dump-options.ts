// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Options of the dump program that the task's own keys are for, that write the dump elsewhere or in another form, that
 * leave out what makes a dump provable, or that change the server.
 */
const REFUSED = [
  ...['host', 'user', 'password', 'port', 'socket', 'protocol', 'login-path', 'pipe', 'plugin-dir'],
  ...['defaults-file', 'defaults-extra-file', 'defaults-group-suffix', 'no-defaults', 'print-defaults'],
  ...['all-databases', 'databases', 'tables', 'system', 'add-drop-database', 'result-file', 'tab', 'dir', 'xml'],
  ...['fields-terminated-by', 'fields-enclosed-by', 'fields-optionally-enclosed-by', 'fields-escaped-by'],
  ...['lines-terminated-by', 'compact', 'compatible', 'comments', 'quote-names', 'dump-date', 'hex-blob'],
  ...['default-character-set', 'character-sets-dir', 'no-data', 'no-create-info', 'where', 'force', 'debug'],
  ...['debug-check', 'debug-info', 'log-error', 'help', 'version', 'delete-master-logs', 'delete-source-logs'],
  ...['master-data', 'source-data', 'dump-slave', 'dump-replica', 'apply-slave-statements', 'apply-replica-statements'],
];

/** Whole names of harmless options that are the beginning of a refused one. */
const FINE = new Set(['log-queries', 'set-charset', 'comment']);

/**
 * What is wrong with a word of `dump_options`; undefined where nothing is. The program takes every beginning of a name that
 * is unambiguous, `_` for `-`, and prefixes like `skip-`, so these are refused as well.
 */
export function dumpOptionComplaint(word: string): string | undefined {
  if (!word.startsWith('--') || word === '--')
    return `\`${word}\`: only options by their long names are taken, with values as \`--name=value\``;
  const [written = ''] = word.slice(2).split('=');
  const name = written
    .toLowerCase()
    .replaceAll('_', '-')
    .replace(/^(?:(?:loose|skip|disable|enable|maximum)-)+/, '');
  const refused = REFUSED.find((known) => known === name || (known.startsWith(name) && !FINE.has(name)));
  if (refused === undefined) return undefined;
  return `\`${word}\` is refused: --${refused} is set by this plugin, or would make a dump that it cannot check or restore`;
}
