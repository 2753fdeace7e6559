// SPDX-License-Identifier: AGPL-3.0-or-later
import { restoreArgs } from '../args.ts';
import type { ResticVersion } from '../version.ts';

/**
 * Looking needs no lock: it does no harm while another command holds the repository, and must not fail then. What reads
 * content takes one, so that no prune removes it meanwhile; options about the lock come behind the others, so there is no
 * `--`, and none is needed: what comes from people begins with a slash.
 */
const LOOKING: readonly string[] = ['--json', '--no-lock'];

export function lsArgs(snapshot: string, path: string, recursive: boolean): readonly string[] {
  // Without a path restic lists everything at any depth; with `/`, what lies at the top.
  const where = path === '' && recursive ? [] : [`/${path}`];
  return ['ls', ...LOOKING, ...(recursive ? ['--recursive'] : []), snapshot, ...where];
}

/** `--` because a glob may begin with a dash. */
export function findArgs(host: string, glob: string): readonly string[] {
  return ['find', ...LOOKING, '--host', host, '--', glob];
}

export function diffArgs(older: string, newer: string): readonly string[] {
  return ['diff', ...LOOKING, older, newer];
}

export function dumpArgs(snapshot: string, path: string): readonly string[] {
  return ['dump', snapshot, `/${path}`];
}

export function mountArgs(host: string, directory: string): readonly string[] {
  return ['mount', '--host', host, directory];
}

/** With the slash in front a pattern means this place in the tree and no other. */
export function partialRestoreArgs(
  version: ResticVersion,
  restore: {
    readonly snapshot: string;
    readonly target: string;
    readonly verify: boolean;
    readonly include: readonly string[];
  },
): readonly string[] {
  return [...restoreArgs(version, restore), ...restore.include.flatMap((glob) => ['--include', `/${glob}`])];
}
