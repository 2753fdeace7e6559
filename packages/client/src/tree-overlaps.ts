// SPDX-License-Identifier: AGPL-3.0-or-later

import { pathMatcher } from './path-pattern.ts';
import type { HostRead } from './plugin.ts';

/**
 * What two tasks both read: the inner one of two paths, unless the other one leaves it out. Undefined where there is no
 * such thing. Pure.
 */
export function sharedPath(one: HostRead, other: HostRead): string | undefined {
  if (isWithin(one.path, other.path)) return isLeftOut(one.path, other) ? undefined : one.path;
  if (isWithin(other.path, one.path)) return isLeftOut(other.path, one) ? undefined : other.path;
  return undefined;
}

/** Whether a path is the other one or beneath it. Both absolute, or both relative; normal. Pure. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** An excluded directory takes along what is in it. */
function isLeftOut(path: string, { root, exclude }: HostRead): boolean {
  const matches = exclude.map(pathMatcher);
  // A slash at the end of a pattern stands for what is inside.
  const within = `${path.slice(root === '/' ? 0 : root.length)}/x`.split('/');
  return within.some((_, at) => at > 0 && matches.some((match) => match(within.slice(0, at + 1).join('/'))));
}
