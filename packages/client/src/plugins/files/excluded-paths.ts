// SPDX-License-Identifier: AGPL-3.0-or-later
import { type TarPattern, toTarPattern } from '../../exclude-pattern.ts';

/**
 * The pattern of `exclude` that leaves out a path that was asked for by name, or undefined: tar applies the patterns
 * to those names too. A pattern for a directory above does not.
 * @param path absolute
 */
export function excludedBy(path: string, exclude: readonly string[]): string | undefined {
  return exclude.find((pattern) => matches(toTarPattern(pattern), `.${path}`));
}

/**
 * What GNU tar does: an anchored pattern has to match the whole name, another one its end after any slash. Good enough
 * for a warning: classes such as `[[:digit:]]` and ranges that are none are not told.
 */
function matches({ pattern, anchored, wildcardsMatchSlash }: TarPattern, name: string): boolean {
  const start = anchored ? '^' : '(?:^|/)';
  try {
    return new RegExp(`${start}${regularExpression(pattern, wildcardsMatchSlash)}$`, 'su').test(name);
  } catch {
    return false;
  }
}

/** A pattern of fnmatch(3) as a regular expression. */
function regularExpression(pattern: string, wildcardsMatchSlash: boolean): string {
  const any = wildcardsMatchSlash ? '.' : '[^/]';
  return pattern.replace(/\\(.)|\[([!^]?)(\]?[^\]/]*)\]|./gsu, (part, escaped?: string, not?: string, set?: string) => {
    if (escaped !== undefined) return literal(escaped);
    if (set !== undefined && set !== '') return `[${not === '' ? '' : '^'}${set.replace(/[\\\][]/g, '\\$&')}]`;
    if (part === '*') return `${any}*`;
    return part === '?' ? any : literal(part);
  });
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
