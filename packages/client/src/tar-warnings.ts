// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from '@local-backup/common/byte-path';

/** What GNU tar said while it created an archive, in words for people. */
export interface TarMessages {
  /** A file was not saved as it should be, by no fault of tar or the disk. */
  readonly warnings: readonly string[];
  /** All else: where tar ends with 2, files that could not be read. */
  readonly errors: readonly string[];
}

/** Messages with a file name, as GNU tar 1.34 writes them in the C locale, and what they mean. */
const WARNINGS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [/^(.*): file changed as we read it$/s, () => 'changed while it was read, so its copy may not fit together'],
  [/^(.*): File removed before we read it$/s, () => 'vanished before it could be read'],
  [
    /^(.*): File shrank by (\d+) bytes?; padding with zeros$/s,
    ([, , bytes]) => `became ${bytes} bytes shorter while it was read; its copy ends in zeros`,
  ],
  [/^(.*): Unknown file type; file ignored$/s, () => 'is of a type that cannot be saved'],
];

/** What tar can do without; it says what it is itself. */
const WARNING = /: Warning: /;

/** Says nothing that its exit code does not say, or is as it should be: programs make their sockets anew. */
const NOISE =
  /^Exiting with failure status due to previous errors$|^Error is not recoverable: exiting now$|: (?:socket|door) ignored$/;

/** `\n`, `\\`, `\303`: what `--quoting-style=escape` makes of bytes that cannot be printed. */
const ESCAPE = /\\(?:([0-7]{3})|(.))/gs;
const ESCAPED: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/**
 * Reads what GNU tar wrote to standard error.
 *
 * @param root the directory that names are relative to, for the paths in the messages
 */
export function readTarMessages(stderr: string, root: string): TarMessages {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^[^:]*tar[^:]*: /, ''))
    .filter((line) => line !== '' && !NOISE.test(line));
  const isWarning = (line: string) => WARNING.test(line) || WARNINGS.some(([pattern]) => pattern.test(line));
  return {
    warnings: lines.filter(isWarning).map((line) => explain(line, root)),
    errors: lines.filter((line) => !isWarning(line)).map((line) => explain(line, root)),
  };
}

/** The path on the host of a name that is relative to a root, made printable. */
export function hostPath(root: string, name: BytePath): string {
  const relative = name.replace(/^\.\/?/, '');
  const base = Buffer.from(root.replace(/\/+$/, ''), 'utf8').toString('latin1');
  return displayPath((relative === '' ? base || '/' : `${base}/${relative}`) as BytePath);
}

/** The path on the host of a member, made printable. */
export function memberOnHost({ root, prefix }: { root: string; prefix: string }, member: BytePath): string {
  return hostPath(root, member.slice(prefix.length + 1) as BytePath);
}

function explain(line: string, root: string): string {
  for (const [pattern, meaning] of WARNINGS) {
    const match = pattern.exec(line);
    if (match !== null) return `${hostPath(root, unescapeName(match[1] ?? ''))} ${meaning(match)}`;
  }
  const [, name, message] = /^(\.(?:\/.*?)?): (.*)$/s.exec(line) ?? [];
  return name === undefined ? line : `${hostPath(root, unescapeName(name))}: ${message}`;
}

function unescapeName(name: string): BytePath {
  return name.replace(ESCAPE, (_, octal: string | undefined, letter: string) =>
    octal === undefined ? (ESCAPED[letter] ?? letter) : String.fromCharCode(Number.parseInt(octal, 8)),
  ) as BytePath;
}
