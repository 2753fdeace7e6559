// SPDX-License-Identifier: AGPL-3.0-or-later

/** Options of pg_dump that choose what is dumped; true: they take a value. */
const ALLOWED: ReadonlyMap<string, boolean> = new Map([
  ...named(
    true,
    '-n --schema -N --exclude-schema -t --table -T --exclude-table --exclude-table-data -e --extension',
    '--table-and-children --exclude-table-and-children --exclude-table-data-and-children --exclude-extension --filter',
    '--extra-float-digits --role',
  ),
  ...named(
    false,
    '-c --clean --if-exists --no-sync -O --no-owner -x --no-privileges --no-acl -b --blobs --large-objects -B --no-blobs --no-large-objects',
    '--no-comments --no-publications --no-security-labels --no-subscriptions --no-tablespaces --no-toast-compression',
    '--no-table-access-method --no-unlogged-table-data --enable-row-security --strict-names --disable-triggers',
    '--quote-all-identifiers --serializable-deferrable -v --verbose',
  ),
]);

/**
 * What is wrong with the words of `dump_options`. Only what is known to leave the dump one that this plugin can count,
 * check and load is let through: a file name, a format, a login or a password there would break it.
 */
export function dumpOptionComplaints(words: readonly string[]): string[] {
  const complaints = [...lonelyComplaints(words)];
  let waiting: string | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      waiting = undefined;
      continue;
    }
    const { option, value } = split(word);
    const takesValue = ALLOWED.get(option);
    if (takesValue === undefined) complaints.push(unknownOption(word, option));
    else if (takesValue && value === undefined) waiting = option;
    else if (!takesValue && value !== undefined) complaints.push(`${option} takes no value`);
  }
  if (waiting !== undefined) complaints.push(`${waiting} needs a value`);
  return complaints;
}

/** Whether the dump begins with statements that drop what it holds. */
export function cleans(words: readonly string[]): boolean {
  return words.includes('-c') || words.includes('--clean');
}

function lonelyComplaints(words: readonly string[]): readonly string[] {
  return words.includes('--if-exists') && !cleans(words) ? ['--if-exists needs --clean'] : [];
}

/** `--schema=a`, `-na` and `-n` with the next word are the forms of getopt. */
function split(word: string): { readonly option: string; readonly value?: string } {
  if (!word.startsWith('--')) {
    const option = word.slice(0, 2);
    return word.length > 2 ? { option, value: word.slice(2) } : { option };
  }
  const equals = word.indexOf('=');
  return equals < 0 ? { option: word } : { option: word.slice(0, equals), value: word.slice(equals + 1) };
}

function unknownOption(word: string, option: string): string {
  if (!word.startsWith('-')) return `"${word}" is no option: databases are named in \`database\``;
  const known = [...ALLOWED.keys()].filter((name) => name.startsWith('--')).join(', ');
  return `${option} is not allowed here: login, format and file are the plugin's. Allowed: ${known}`;
}

function named(takesValue: boolean, ...lines: readonly string[]): [string, boolean][] {
  return lines
    .join(' ')
    .split(' ')
    .map((name) => [name, takesValue]);
}
