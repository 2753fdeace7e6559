// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Patterns of things to leave out, as rsync has them (rsync(1), "PATTERN MATCHING RULES"):
 *
 * - without a slash: matches a name anywhere;
 * - with a leading slash: matches a path from the root of the tree;
 * - with another slash: matches the end of a path;
 * - `*` and `?` match anything but a slash, `**` also slashes;
 * - with a trailing slash: what is inside a directory of that name; the directory itself is kept, empty.
 */

/** How GNU tar matches a pattern; see its manual, "Controlling Pattern-Matching". */
export interface TarPattern {
  readonly pattern: string;
  readonly anchored: boolean;
  readonly wildcardsMatchSlash: boolean;
}

const WILDCARDS = /[*?[]/;

/** What is wrong with a pattern, as a sentence without its subject; undefined where it is fine. */
export function checkExcludePattern(pattern: string): string | undefined {
  const rest = pattern.replaceAll('**', '');
  if (/^\/*$/.test(pattern)) return 'must name something: an empty pattern would leave out everything or nothing';
  if (pattern.includes('\0')) return 'must not contain a NUL character: no file name has one';
  if (/^[+-] /.test(pattern) || pattern === '!')
    return 'must be a plain pattern: rules of rsync such as "+ name" are not supported';
  if (pattern.includes('***')) return 'must not contain "***": write "name/" for what is inside a directory';
  if (pattern.includes('**') && WILDCARDS.test(rest)) {
    return 'must not mix "**" with "*", "?" or "[": split it into two patterns';
  }
  if (/\/\/|(?:^|\/)\.\.?(?:\/|$)/.test(pattern))
    return 'must not contain "//" or the names "." and "..": it would match nothing';
  return /(?:^|[^\\])(?:\\\\)*\\$/.test(pattern) ? 'must not end in a backslash' : undefined;
}

/** A pattern that matches this path and nothing else. */
export function escapeExcludePattern(path: string): string {
  return WILDCARDS.test(path) ? path.replace(/[*?[\\]/g, '\\$&') : path;
}

/** The same for GNU tar, for names that begin with `./`. The pattern has passed {@link checkExcludePattern}. */
export function toTarPattern(pattern: string): TarPattern {
  const anchored = pattern.startsWith('/');
  const wildcardsMatchSlash = pattern.includes('**');
  // rsync takes backslashes literally where there are no wildcards; for tar they always escape.
  const escaped = WILDCARDS.test(pattern) ? pattern : pattern.replaceAll('\\', '\\\\');
  const contents = escaped.endsWith('/') ? `${escaped}*` : escaped;
  const single = wildcardsMatchSlash ? contents.replaceAll('**', '*') : contents;
  return { pattern: anchored ? `.${single}` : single, anchored, wildcardsMatchSlash };
}
