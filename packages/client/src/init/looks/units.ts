// SPDX-License-Identifier: AGPL-3.0-or-later
import { isSystemDirectory } from '@local-backup/common/config/values';
import type { HostView } from '../host-view.ts';

/** A service of systemd that no package has brought. */
export interface OwnUnit {
  /** `shop.service` */
  readonly unit: string;
  /** Directories that the unit says it works in, and that are there. */
  readonly directories: readonly string[];
}

/** Where the admin puts units; those of packages are elsewhere, and links to them are what enables them. */
const DIRECTORY = '/etc/systemd/system';

/** Of these, more is no directory of units. */
const MOST_UNITS = 500;

/** Units that are regular files, and where they keep their data. */
export async function lookForUnits(view: HostView): Promise<readonly OwnUnit[]> {
  const entries = (await view.list(DIRECTORY)).filter((entry) => entry.isFile() && entry.name.endsWith('.service'));
  const units: OwnUnit[] = [];
  for (const { name } of entries.slice(0, MOST_UNITS)) {
    // Templates (`@.service`) are no services themselves.
    if (/@\.service$/.test(name)) continue;
    const named = unitDirectories((await view.read(`${DIRECTORY}/${name}`)) ?? '');
    const there = await Promise.all(named.map((path) => view.isDirectory(path)));
    units.push({ unit: name, directories: named.filter((_, index) => there[index]) });
  }
  return units;
}

/** Directories of `WorkingDirectory=`, `RootDirectory=` and `StateDirectory=` that belong to the unit alone. Pure. */
export function unitDirectories(text: string): readonly string[] {
  const values = (key: string) => {
    return [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value.trim());
  };
  const places = [...values('WorkingDirectory'), ...values('RootDirectory')].map((path) => path.replace(/^-/, ''));
  const states = values('StateDirectory').flatMap((names) => names.split(/\s+/).filter((name) => name !== ''));
  const paths = [...places, ...states.map((name) => `/var/lib/${name.replace(/:.*$/, '')}`)];
  const usable = paths.map((path) => path.replace(/(?!^)\/+$/, '')).filter(isOwn);
  return [...new Set(usable)].filter((path, _, all) => !all.some((other) => path.startsWith(`${other}/`)));
}

/** Homes and web roots are proposed as a whole. */
const SHARED = /^\/(?:home\/[^/]+|var\/www\/html)$/;

/** Gone at the next start, or made up by the kernel. */
const PASSING = /^\/(?:dev|proc|sys|run|tmp)\//;

/** No specifiers, nothing relative, and nothing that belongs to others as well. */
function isOwn(path: string): boolean {
  if (!/^\/[^%\0\r\n]*$/.test(path) || path.split('/').includes('..')) return false;
  return !isSystemDirectory(path) && !SHARED.test(path) && !PASSING.test(path);
}
