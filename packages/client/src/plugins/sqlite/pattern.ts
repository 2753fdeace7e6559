// SPDX-License-Identifier: AGPL-3.0-or-later

/** The expression for a name, or a part of a path, that holds `*` or `?`; undefined for one that stands for itself. */
export function namePattern(text: string): RegExp | undefined {
  return /[*?]/.test(text) ? expressionOf(text) : undefined;
}

/** True where a path is the one that is named, or matches the pattern. */
export function matchesPath(path: string, pattern: string): boolean {
  return path === pattern || expressionOf(pattern).test(path);
}

/** `**` followed by a slash stands for any number of directories, none included; `*` and `?` do not match a slash. */
function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*+|\?|[\\^$.|+()[\]{}]/g, (found) => {
    if (found === '**/') return '(?:[^/]+/)*';
    if (found === '?') return '[^/]';
    return found.startsWith('*') ? '[^/]*' : `\\${found}`;
  });
  return new RegExp(`^${source}$`, 's');
}
