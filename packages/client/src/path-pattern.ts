// SPDX-License-Identifier: AGPL-3.0-or-later
import { type TarPattern, toTarPattern } from './exclude-pattern.ts';

/**
 * Tells whether a path matches a pattern of exclude-pattern.ts, as GNU tar does it: an anchored pattern has to match the
 * whole path, another one its end after any slash. Classes such as `[[:digit:]]` and ranges that are none match nothing.
 * @returns a function that takes a path that begins with `/`
 */
export function pathMatcher(text: string): (path: string) => boolean {
  const regularExpression = expressionOf(toTarPattern(text));
  return (path) => regularExpression?.test(`.${path}`) ?? false;
}

function expressionOf({ pattern, anchored, wildcardsMatchSlash }: TarPattern): RegExp | undefined {
  const start = anchored ? '^' : '(?:^|/)';
  try {
    return new RegExp(`${start}${translate(pattern, wildcardsMatchSlash)}$`, 'su');
  } catch {
    return undefined;
  }
}

/** A pattern of fnmatch(3) as a regular expression. */
function translate(pattern: string, wildcardsMatchSlash: boolean): string {
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
