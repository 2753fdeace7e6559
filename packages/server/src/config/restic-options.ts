// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * Which words of the configuration may go to restic. Asked when the configuration is read, and again by the store just
 * before they are used.
 */

/** Options of `restic backup` that would take away what the store promises, and why each is refused. */
const REFUSED_IN_BACKUP: readonly { readonly names: readonly string[]; readonly why: string }[] = [
  { names: ['-r', '--repo', '--repository-file'], why: 'the repository belongs to the host' },
  {
    names: ['-p', '--password-file', '--password-command', '--key-hint'],
    why: 'the password is configured by its own key',
  },
  { names: ['--insecure-no-password'], why: 'a repository needs a password' },
  { names: ['-H', '--host', '--hostname'], why: 'it is the name of the host in the inventory' },
  { names: ['--tag'], why: 'tags tell which archive was saved' },
  { names: ['--time'], why: 'retention needs the time of the server' },
  { names: ['--parent', '--force', '-f'], why: 'the program chooses what is read again' },
  { names: ['-n', '--dry-run'], why: 'nothing would ever be saved' },
  { names: ['--skip-if-unchanged'], why: 'every run that succeeds leaves a snapshot as its proof' },
  { names: ['--stdin', '--stdin-filename', '--stdin-from-command'], why: 'the live tree is what is saved' },
  { names: ['--files-from', '--files-from-raw', '--files-from-verbatim'], why: 'the live tree is what is saved' },
  { names: ['--no-lock'], why: 'a prune at the same time would destroy the snapshot' },
  { names: ['-q', '--quiet', '--json'], why: 'the output is read by the program' },
];

/** A word of `backup_options` that cannot be allowed. */
export interface RefusedOption {
  readonly word: string;
  /** The word without its value. */
  readonly name: string;
  readonly why: string;
}

/** Those of the words that cannot be allowed; empty when all are fine. */
export function refusedBackupOptions(words: readonly string[]): readonly RefusedOption[] {
  return words.flatMap((word) => {
    const name = nameOf(word);
    const refused = REFUSED_IN_BACKUP.find(({ names }) =>
      names.some((known) => known === name || isShort(known, word)),
    );
    return refused === undefined ? [] : [{ word, name, why: refused.why }];
  });
}

/** `-nv` and `-r/path` mean `-n` and `-r`. */
function isShort(known: string, word: string): boolean {
  return known.length === 2 && !word.startsWith('--') && word.startsWith(known);
}

/** `--compression max` destroyed data before restic 0.16.4. */
export function wantsMaxCompression(words: readonly string[]): boolean {
  return words.some((word, index) => {
    return word === '--compression=max' || (word === '--compression' && words[index + 1] === 'max');
  });
}

/**
 * What `restic check` may be told, and whether a value follows. Only what changes how much is read, how fast and how it
 * gets there. Not among them: `--no-lock`, for a check beside a prune sees damage where there is none, and
 * `--check-unused`, which calls data that is merely waiting for the next prune an error.
 */
const ALLOWED_IN_CHECK: ReadonlyMap<string, 'alone' | 'value'> = new Map([
  ['--read-data', 'alone'],
  ['--read-data-subset', 'value'],
  ['--with-cache', 'alone'],
  ['--no-cache', 'alone'],
  ['--cleanup-cache', 'alone'],
  ['--limit-download', 'value'],
  ['--limit-upload', 'value'],
  ['--stuck-request-timeout', 'value'],
  ['--cacert', 'value'],
  ['--tls-client-cert', 'value'],
  ['--option', 'value'],
  ['-o', 'value'],
  ['--verbose', 'alone'],
  ['-v', 'alone'],
  ['--quiet', 'alone'],
  ['-q', 'alone'],
]);

/** The words of `check_options` that cannot be allowed; empty when all are fine. */
export function refusedCheckOptions(words: readonly string[]): readonly string[] {
  // A value that is a word of its own belongs to the option before it.
  const isValue = (index: number): boolean => index > 0 && wantsValue(words[index - 1]) && !isValue(index - 1);
  return words.flatMap((word, index) => {
    if (isValue(index)) return word.startsWith('-') ? [word] : [];
    const kind = ALLOWED_IN_CHECK.get(nameOf(word));
    if (kind === undefined || (kind === 'alone' && word.includes('='))) return [word];
    return wantsValue(word) && index === words.length - 1 ? [word] : [];
  });
}

function wantsValue(word = ''): boolean {
  return ALLOWED_IN_CHECK.get(word) === 'value';
}

/** True where the options say themselves how much is read back: then no other share may be given to restic. */
export function saysWhatToRead(checkOptions: readonly string[]): boolean {
  return checkOptions.some((word) => /^--read-data(?:-subset)?(?:=|$)/.test(word));
}

function nameOf(word: string): string {
  return word.split('=', 1)[0] ?? word;
}
