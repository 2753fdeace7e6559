// SPDX-License-Identifier: AGPL-3.0-or-later
import { pathMatcher } from '../../path-pattern.ts';

/**
 * The pattern of `exclude` that leaves out a path that was asked for by name, or undefined: tar applies the patterns
 * to those names too. A pattern for a directory above does not.
 * @param path absolute
 */
export function excludedBy(path: string, exclude: readonly string[]): string | undefined {
  return exclude.find((pattern) => pathMatcher(pattern)(path));
}
