// SPDX-License-Identifier: AGPL-3.0-or-later
import { isBelow, isWithin, type Mount, mountOf, PSEUDO_TYPES } from '../../plugin-tools/snapshot/mounts.ts';

export interface PseudoMounts {
  /** Mount points below the paths: what is in them is left out. None lies within another one. */
  readonly below: readonly Mount[];
  /** Paths that are inside a pseudo file system, and that file system. */
  readonly inside: readonly { readonly path: string; readonly mount: Mount }[];
}

/**
 * Pseudo file systems that reading `paths` (absolute, links resolved) would come across. Automount points count as such
 * only below a path: one that is named is meant to be mounted.
 */
export function findPseudoMounts(mounts: readonly Mount[], paths: readonly string[]): PseudoMounts {
  // Of several mounts on one point, the last one is seen.
  const seen = [...new Map(mounts.map((mount) => [mount.point, mount])).values()];
  const pseudo = seen.filter(({ type }) => PSEUDO_TYPES.has(type));
  const below = pseudo.filter(({ point }) => paths.some((path) => path !== point && isWithin(point, path)));
  const inside = paths.flatMap((path) => {
    const mount = mountOf(path, seen);
    return mount !== undefined && mount.type !== 'autofs' && PSEUDO_TYPES.has(mount.type) ? [{ path, mount }] : [];
  });
  return { below: below.filter(({ point }) => !below.some((other) => isBelow(point, other.point))), inside };
}
